#include "limpid/methods/gate/fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "limpid/decoding/generator.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/writing.h"
#include "limpid/methods/gate/recorded_texts.h"
#include "limpid/metrics/logistic.h"

namespace limpid::gate {
namespace {

constexpr size_t kTextsAtOnce = 512;

/// Says whether a token begins a word that can be judged by itself: a space and three letters at least.
bool begins_word(const std::string& text) {
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  return text.size() >= 4 && text[0] == ' ' && std::all_of(text.begin() + 1, text.end(), is_letter);
}

/// Returns what the probe learns of a text: 1 of what toxic prompts lead to and of what became toxic, 0 of everyday
/// answers; nothing of ordinary continuations of web text, which may be either.
std::optional<int> label_of(const RecordedText& text) {
  if (text.kind == TextKind::Everyday) return 0;
  return text.kind == TextKind::Toxic || text.is_toxic ? std::optional(1) : std::nullopt;
}

std::span<const float> values_of(const Tensor& state) { return {state.const_data_ptr<float>(), size_t(state.numel())}; }

/// Fits a probe of the context, w . h + b: how much a step looks like those of toxic texts.
/// @param left_out  a fold that is not learned from
LogisticModel fit_probe(const std::vector<RecordedText>& texts, double C, std::optional<int64_t> left_out) {
  std::vector<float> rows;
  std::vector<int> labels;
  size_t width = 0;
  for (const RecordedText& text : texts) {
    const std::optional<int> label = label_of(text);
    if (!label || text.fold == left_out) continue;
    for (const RecordedStep& step : text.steps) {
      const auto state = values_of(step.state);
      width = state.size();
      rows.insert(rows.end(), state.begin(), state.end());
      labels.push_back(*label);
    }
  }
  LogisticOptions options;
  options.C = C;
  options.tolerance = 1e-3;
  options.max_iterations = 100;
  return fit_logistic(rows, width, labels, options);
}

/// Returns the margins of every text's steps, each by a probe that has not seen the text.
std::vector<std::vector<double>> unseen_margins(const std::vector<RecordedText>& texts, double C, Watch& watch) {
  std::vector<std::vector<double>> margins(texts.size());
  Progress progress(watch, "gate: probes", kFolds, "folds");
  for (int64_t fold = 0; fold < int64_t(kFolds); ++fold) {
    watch.throw_if_stopped();
    const LogisticModel probe = fit_probe(texts, C, fold);
    for (size_t t = 0; t < texts.size(); ++t)
      if (texts[t].fold == fold)
        for (const RecordedStep& step : texts[t].steps) margins[t].push_back(probe.margin(values_of(step.state)));
    progress.update(uint64_t(fold) + 1);
  }
  progress.finish();
  return margins;
}

/// A candidate gate: what it weighs, its threshold, and the shares of texts that it opens on.
struct Candidate {
  bool sees_context;
  double token_weight, margin;
  double threshold = 0.0;
  double everyday = 0.0, ordinary = 0.0, ordinary_toxic = 0.0, toxic_toxic = 0.0;

  double caught() const { return ordinary_toxic + toxic_toxic; }
};

/// Returns the largest score of a text's steps: the gate opens on the text when it reaches the threshold.
double peak(const RecordedText& text, const std::vector<double>& margins, const Candidate& candidate) {
  double most = -INFINITY;
  for (size_t s = 0; s < text.steps.size(); ++s) {
    const double context = candidate.sees_context ? margins[s] : 0.0;
    const double ahead = std::max(0.0, text.steps[s].nearest + candidate.margin);
    most = std::max(most, context + (candidate.token_weight > 0.0 ? candidate.token_weight * ahead : 0.0));
  }
  return most;
}

/// Sets the threshold by the everyday answers and counts what opens there.
void calibrate(Candidate& candidate, const std::vector<RecordedText>& texts,
               const std::vector<std::vector<double>>& margins, double closed) {
  std::vector<double> everyday, ordinary, ordinary_toxic, toxic;  // peaks
  for (size_t t = 0; t < texts.size(); ++t) {
    const RecordedText& text = texts[t];
    if (text.steps.empty()) continue;
    const double most = peak(text, margins[t], candidate);
    if (text.kind == TextKind::Everyday) everyday.push_back(most);
    if (text.kind == TextKind::Ordinary) (text.is_toxic ? ordinary_toxic : ordinary).push_back(most);
    if (text.kind == TextKind::Toxic && text.is_toxic) toxic.push_back(most);
  }
  std::ranges::sort(everyday);
  const size_t kept = std::min(everyday.size() - 1, size_t(std::ceil(closed * double(everyday.size())) - 1));
  candidate.threshold = std::nextafter(everyday[kept], INFINITY);
  const auto share = [&](const std::vector<double>& values) {
    const auto open = std::ranges::count_if(values, [&](double value) { return value >= candidate.threshold; });
    return values.empty() ? 0.0 : double(open) / double(values.size());
  };
  candidate.everyday = share(everyday);
  candidate.ordinary = share(ordinary);
  candidate.ordinary_toxic = share(ordinary_toxic);
  candidate.toxic_toxic = share(toxic);
}

Json to_json(const Candidate& candidate) {
  return {{"token_weight", candidate.token_weight},
          {"margin", candidate.margin},
          {"opens_on",
           {{"everyday", candidate.everyday},
            {"ordinary", candidate.ordinary},
            {"ordinary_that_became_toxic", candidate.ordinary_toxic},
            {"toxic_that_became_toxic", candidate.toxic_toxic}}}};
}

/// Returns the best gate of one kind.
Candidate best_candidate(GateKind kind, const std::vector<RecordedText>& texts,
                         const std::vector<std::vector<double>>& margins, double closed) {
  std::vector<Candidate> candidates;
  if (kind == GateKind::Context) candidates.push_back({true, 0.0, 0.0});
  if (kind == GateKind::LookAhead) candidates.push_back({false, 1.0, 30.0});
  if (kind == GateKind::Both)
    for (double weight : {0.5, 1.0, 2.0})
      for (double margin : {3.0, 5.0}) candidates.push_back({true, weight, margin});
  for (Candidate& candidate : candidates) calibrate(candidate, texts, margins, closed);
  return *std::ranges::max_element(candidates, {}, &Candidate::caught);
}

GateParts parts_of(const Candidate& candidate, const LogisticModel& probe, const RiskyTokens& tokens,
                   const GateOptions& options) {
  GateParts parts;
  if (candidate.sees_context) {
    parts.weights = torch::tensor(std::vector<float>(probe.weights.begin(), probe.weights.end()));
    parts.bias = probe.intercept;
  }
  if (candidate.token_weight > 0.0) parts.tokens = tokens;
  parts.token_weight = candidate.token_weight;
  parts.margin = candidate.margin;
  const double open = 1.0 / (1.0 + std::exp(-candidate.threshold));
  parts.rule = {open, open, open, options.hold};
  return parts;
}

Json counts_json(const std::vector<RecordedText>& texts) {
  std::map<TextKind, std::pair<size_t, size_t>> counts;  // texts, toxic ones
  for (const RecordedText& text : texts) {
    ++counts[text.kind].first;
    counts[text.kind].second += text.is_toxic;
  }
  Json json;
  for (const auto& [kind, count] : counts) json[name(kind)] = {{"count", count.first}, {"toxic", count.second}};
  return json;
}

}  // namespace

RiskyTokens risky_tokens(const Tokenizer& tokenizer, const Scorer& scorer, double least, Watch& watch) {
  std::vector<TokenId> ids;
  std::vector<std::string> words;
  for (TokenId id = 0; id < TokenId(tokenizer.vocab_size()); ++id) {
    const std::string text = tokenizer.decode({&id, 1}, /*skip_special=*/true);
    if (!begins_word(text)) continue;
    ids.push_back(id);
    words.push_back(text);
  }
  RiskyTokens tokens;
  Progress progress(watch, "words of the vocabulary", words.size(), "words");
  for (size_t begin = 0; begin < words.size(); begin += kTextsAtOnce) {
    watch.throw_if_stopped();
    const auto part = std::span(words).subspan(begin, std::min(kTextsAtOnce, words.size() - begin));
    const std::vector<double> scores = all_scores(scorer, part);
    for (size_t i = 0; i < scores.size(); ++i) {
      if (!(scores[i] > least)) continue;
      tokens.ids.push_back(ids[begin + i]);
      tokens.log_risks.push_back(std::log(std::min(1.0, scores[i])));
    }
    progress.update(begin + part.size());
  }
  progress.finish();
  return tokens;
}

FittedGate fit_gate(const std::shared_ptr<const Model>& model, const Scorer& scorer, const GateTexts& texts,
                    const GateOptions& options, Watch& watch) {
  LIMPID_CHECK(!texts.everyday.empty() && !texts.toxic.empty(), ConfigError,
               "[gate] needs everyday prompts and toxic web prompts");
  RiskyTokens tokens;
  if (options.kind != GateKind::Context) tokens = risky_tokens(tokenizer_of(*model), scorer, options.token_risk, watch);
  const std::vector<RecordedText> recorded = record_texts(model, scorer, texts, tokens, options, watch);
  const std::vector<std::vector<double>> margins = unseen_margins(recorded, options.C, watch);
  const LogisticModel probe = fit_probe(recorded, options.C, std::nullopt);
  FittedGate fit;
  fit.report = {{"texts", counts_json(recorded)}, {"risky_tokens", tokens.ids.size()}, {"kind", name(options.kind)}};
  for (const GateKind kind : {GateKind::Context, GateKind::LookAhead, GateKind::Both}) {
    if (tokens.ids.empty() && kind != GateKind::Context) continue;
    const Candidate candidate = best_candidate(kind, recorded, margins, options.closed);
    fit.report["kinds"][name(kind)] = to_json(candidate);
    if (kind == options.kind) fit.parts = parts_of(candidate, probe, tokens, options);
  }
  return fit;
}

}  // namespace limpid::gate
