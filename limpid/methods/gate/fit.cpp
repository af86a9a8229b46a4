#include "limpid/methods/gate/fit.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "limpid/decoding/generator.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/writing.h"
#include "limpid/methods/gate/probes.h"
#include "limpid/methods/polar/calibration.h"

namespace limpid::gate {
namespace {

constexpr size_t kTextsAtOnce = 512;

/// Says whether a token begins a word that can be judged by itself: a space and three letters at least.
bool begins_word(const std::string& text) {
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  return text.size() >= 4 && text[0] == ' ' && std::all_of(text.begin() + 1, text.end(), is_letter);
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

/// Compares the risk of every step, by a probe that has not seen its text, with what became of the text.
Json calibration_json(const std::vector<RecordedText>& texts, const std::vector<std::vector<double>>& margins) {
  std::vector<double> risks;
  std::vector<int> became_toxic;
  for (size_t t = 0; t < texts.size(); ++t)
    for (double margin : margins[t]) {
      risks.push_back(1.0 / (1.0 + std::exp(-margin)));
      became_toxic.push_back(texts[t].is_toxic);
    }
  return polar::to_json(polar::calibration_of(risks, became_toxic));
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

FittedGate fit_gate(const std::shared_ptr<const Model>& model, const Scorers& scorers, const GateTexts& texts,
                    const GateOptions& options, Watch& watch) {
  LIMPID_CHECK(!texts.everyday.empty() && !texts.toxic.empty(), ConfigError,
               "[gate] needs everyday prompts and toxic web prompts");
  LIMPID_CHECK(scorers.size() == 1 || (!scorers.empty() && options.calibrate == Calibrate::Polar), ConfigError,
               "[gate] ", scorers.size(), " scorers, expected one; several are heard with polar");
  RiskyTokens tokens;
  if (options.kind != GateKind::Context)
    tokens = risky_tokens(tokenizer_of(*model), scorers[0], options.token_risk, watch);
  const std::vector<RecordedText> recorded = record_texts(model, scorers, texts, tokens, options, watch);
  const Probes probes = fit_probes(recorded, source_names(scorers), options, watch);
  FittedGate fit;
  fit.report = {{"texts", counts_json(recorded)},
                {"risky_tokens", tokens.ids.size()},
                {"kind", name(options.kind)},
                {"probe", probes.report},
                {"calibration", calibration_json(recorded, probes.unseen)}};
  for (const GateKind kind : {GateKind::Context, GateKind::LookAhead, GateKind::Both}) {
    if (tokens.ids.empty() && kind != GateKind::Context) continue;
    const Candidate candidate = best_candidate(kind, recorded, probes.unseen, options.closed);
    fit.report["kinds"][name(kind)] = to_json(candidate);
    if (kind == options.kind) fit.parts = parts_of(candidate, probes.whole, tokens, options);
  }
  return fit;
}

}  // namespace limpid::gate
