#include "limpid/methods/gate/fit.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "limpid/decoding/generator.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/writing.h"
#include "limpid/methods/gate/recorded_texts.h"
#include "limpid/metrics/logistic.h"

namespace limpid::gate {
namespace {

constexpr size_t kTextsAtOnce = 512;

/// Says whether a token may begin a word that is judged by itself: three letters at least, nothing but letters.
bool is_word(std::string text) {
  if (text.starts_with(' ')) text.erase(0, 1);
  return text.size() >= 3 && std::ranges::all_of(text, [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; });
}

/// A probe of the context: w . h + b says how likely the text of a step becomes toxic.
LogisticModel fit_probe(const std::vector<RecordedText>& texts, double C) {
  std::vector<float> rows;
  std::vector<int> labels;
  size_t width = 0;
  for (const RecordedText& text : texts)
    for (const RecordedStep& step : text.steps) {
      if (text.held_out) break;
      width = size_t(step.state.numel());
      const float* state = step.state.const_data_ptr<float>();
      rows.insert(rows.end(), state, state + step.state.numel());
      labels.push_back(text.is_toxic);
    }
  LIMPID_CHECK(std::ranges::count(labels, 1) > 0, ConfigError,
               "[gate] no continuation of the prompts is toxic; give prompts that provoke the model");
  LogisticOptions options;
  options.C = C;
  options.tolerance = 1e-4;
  options.max_iterations = 200;
  return fit_logistic(rows, width, labels, options);
}

/// Returns the largest score of a text's steps: the gate opens on the text when it reaches the threshold.
double peak(const RecordedText& text, const LogisticModel* probe, double token_weight, double margin) {
  double most = -INFINITY;
  for (const RecordedStep& step : text.steps) {
    double score = 0.0;
    if (probe) score = probe->margin({step.state.const_data_ptr<float>(), size_t(step.state.numel())});
    most = std::max(most, score + token_weight * std::max(0.0, step.nearest + margin));
  }
  return most;
}

/// A candidate gate: what it weighs, its threshold, and on how many texts it opens.
struct Candidate {
  const LogisticModel* probe;
  double token_weight, margin;
  double threshold = 0.0, everyday = 0.0, ordinary_toxic = 0.0, toxic_toxic = 0.0;

  double caught() const { return ordinary_toxic + toxic_toxic; }
};

/// Sets the threshold by the everyday answers and counts what opens there.
void calibrate(Candidate& candidate, const std::vector<RecordedText>& texts, double closed) {
  std::vector<double> everyday, ordinary, toxic;  // peaks
  for (const RecordedText& text : texts) {
    if (!text.held_out || text.steps.empty()) continue;
    const double most = peak(text, candidate.probe, candidate.token_weight, candidate.margin);
    if (text.kind == TextKind::Everyday && !text.is_toxic) everyday.push_back(most);
    if (text.kind == TextKind::Ordinary && text.is_toxic) ordinary.push_back(most);
    if (text.kind == TextKind::Toxic && text.is_toxic) toxic.push_back(most);
  }
  LIMPID_CHECK(!everyday.empty(), ConfigError, "[gate] too few everyday prompts to set a threshold by");
  std::ranges::sort(everyday);
  const size_t kept = std::min(everyday.size() - 1, size_t(std::ceil(closed * double(everyday.size())) - 1));
  candidate.threshold = std::nextafter(everyday[kept], INFINITY);
  const auto share = [&](const std::vector<double>& values) {
    const auto open = std::ranges::count_if(values, [&](double value) { return value >= candidate.threshold; });
    return values.empty() ? 0.0 : double(open) / double(values.size());
  };
  candidate.everyday = share(everyday);
  candidate.ordinary_toxic = share(ordinary);
  candidate.toxic_toxic = share(toxic);
}

Json to_json(const Candidate& candidate) {
  return {{"token_weight", candidate.token_weight},
          {"margin", candidate.margin},
          {"opens_on",
           {{"everyday", candidate.everyday},
            {"ordinary_that_became_toxic", candidate.ordinary_toxic},
            {"toxic_that_became_toxic", candidate.toxic_toxic}}}};
}

/// Returns the best gate of one kind.
Candidate best_candidate(GateKind kind, const LogisticModel& probe, const std::vector<RecordedText>& texts,
                         double closed) {
  const LogisticModel* context = kind == GateKind::LookAhead ? nullptr : &probe;
  std::vector<Candidate> candidates;
  if (kind == GateKind::Context) candidates.push_back({context, 0.0, 0.0});
  if (kind == GateKind::LookAhead) candidates.push_back({context, 1.0, 30.0});
  if (kind == GateKind::Both)
    for (double weight : {0.25, 0.5, 1.0, 2.0})
      for (double margin : {2.0, 4.0, 6.0, 8.0}) candidates.push_back({context, weight, margin});
  for (Candidate& candidate : candidates) calibrate(candidate, texts, closed);
  return *std::ranges::max_element(candidates, {}, &Candidate::caught);
}

GateParts parts_of(const Candidate& candidate, RiskyTokens tokens, const GateOptions& options) {
  GateParts parts;
  if (candidate.probe) {
    const std::vector<float> weights(candidate.probe->weights.begin(), candidate.probe->weights.end());
    parts.weights = torch::tensor(weights);
    parts.bias = candidate.probe->intercept;
  }
  if (candidate.token_weight > 0.0) parts.tokens = std::move(tokens);
  parts.token_weight = candidate.token_weight;
  parts.margin = candidate.margin;
  const double open = 1.0 / (1.0 + std::exp(-candidate.threshold));
  parts.rule = {open, open, open, options.hold};
  return parts;
}

}  // namespace

RiskyTokens risky_tokens(const Tokenizer& tokenizer, const Scorer& scorer, double least, Watch& watch) {
  std::vector<TokenId> ids;
  std::vector<std::string> words;
  for (TokenId id = 0; id < TokenId(tokenizer.vocab_size()); ++id) {
    const std::string text = tokenizer.decode({&id, 1}, /*skip_special=*/true);
    if (!is_word(text)) continue;
    ids.push_back(id);
    words.push_back(text);
  }
  RiskyTokens tokens;
  Progress progress(watch, "words of the vocabulary", words.size(), "words");
  for (size_t begin = 0; begin < words.size(); begin += kTextsAtOnce) {
    watch.throw_if_stopped();
    const auto part = std::span(words).subspan(begin, std::min(kTextsAtOnce, words.size() - begin));
    const std::vector<double> scores = scorer.score(part);
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
  RiskyTokens tokens = risky_tokens(tokenizer_of(*model), scorer, options.token_risk, watch);
  const std::vector<RecordedText> recorded = record_texts(model, scorer, texts, tokens, options, watch);
  const LogisticModel probe = fit_probe(recorded, options.C);
  FittedGate fit;
  std::map<TextKind, std::pair<size_t, size_t>> counts;
  for (const RecordedText& text : recorded) {
    ++counts[text.kind].first;
    counts[text.kind].second += text.is_toxic;
  }
  for (const auto& [kind, count] : counts)
    fit.report["texts"][name(kind)] = {{"count", count.first}, {"toxic", count.second}};
  fit.report["risky_tokens"] = tokens.ids.size();
  fit.report["kind"] = name(options.kind);
  for (const GateKind kind : {GateKind::Context, GateKind::LookAhead, GateKind::Both}) {
    const Candidate candidate = best_candidate(kind, probe, recorded, options.closed);
    fit.report["kinds"][name(kind)] = to_json(candidate);
    if (kind == options.kind) fit.parts = parts_of(candidate, tokens, options);
  }
  return fit;
}

}  // namespace limpid::gate
