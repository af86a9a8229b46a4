#include "limpid/methods/gate/probes.h"

#include <optional>

#include "limpid/methods/polar/harmoniser.h"

namespace limpid::gate {
namespace {

std::span<const float> values_of(const Tensor& state) { return {state.const_data_ptr<float>(), size_t(state.numel())}; }

std::optional<int> label_of(const RecordedText& text) {
  if (text.kind == TextKind::Everyday) return 0;
  return text.kind == TextKind::Toxic || text.is_toxic ? std::optional(1) : std::nullopt;
}

/// Fits a logistic regression. @param left_out  a fold that is not learned from
LogisticModel fit_labels(const std::vector<RecordedText>& texts, double C, std::optional<int64_t> left_out) {
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

/// Steps with the votes on their texts; the first scorer's are labels.
struct VotedSteps {
  std::vector<Tensor> states;
  std::vector<int64_t> votes, labels;

  void add(const RecordedText& text) {
    for (const RecordedStep& step : text.steps) {
      states.push_back(step.state);
      votes.insert(votes.end(), text.votes.begin(), text.votes.end());
      labels.push_back(text.is_toxic);
    }
  }
  Tensor x() const { return torch::stack(states); }
  polar::VotedExamples examples() const { return {x(), torch::tensor(votes).view({int64_t(states.size()), -1})}; }
};

/// Fits a harmoniser of the sources on states of mean 0 and spread 1, and returns it as a probe of the states as they
/// are. One fold of those that it may see says when to stop.
LogisticModel fit_votes(const std::vector<RecordedText>& texts, const Tensor& weights, const GateOptions& options,
                        std::optional<int64_t> left_out, Watch& watch) {
  const int64_t gold_fold = left_out ? (*left_out + 1) % int64_t(kFolds) : 0;
  VotedSteps learned, gold;
  for (const RecordedText& text : texts)
    if (text.fold != left_out) (text.fold == gold_fold ? gold : learned).add(text);
  LIMPID_CHECK(!learned.states.empty() && !gold.states.empty(), ConfigError,
               "[gate] too few prompts for polar, expected at least ", kFolds, " of each kind");
  polar::VotedExamples examples = learned.examples();
  const Tensor centre = examples.x.mean(0), spread = examples.x.std(0, /*unbiased=*/false).clamp_min(1e-6);
  const auto scaled = [&](const Tensor& x) { return (x - centre) / spread; };
  examples.x = scaled(examples.x);
  polar::HarmoniserOptions training{.scalariser = options.scalariser, .seed = options.seed};
  const polar::Harmoniser harmoniser =
      polar::train_harmoniser(examples, weights, {scaled(gold.x()), torch::tensor(gold.labels)}, training, watch);
  const Tensor layer = harmoniser.layers[0][0].to(torch::kFloat64), w = layer.narrow(0, 0, centre.size(0)) / spread;
  LogisticModel probe;
  probe.weights.assign(w.const_data_ptr<double>(), w.const_data_ptr<double>() + w.numel());
  probe.intercept = (layer[-1] - w.dot(centre.to(torch::kFloat64))).item<double>();
  return probe;
}

Tensor source_weights(const std::vector<RecordedText>& texts, const GateOptions& options) {
  if (!options.weigh_sources) return polar::equal_weights(int64_t(texts.front().votes.size()));
  VotedSteps all;
  for (const RecordedText& text : texts) all.add(text);
  return polar::gradient_weights(all.examples());
}

Json sources_json(const std::vector<RecordedText>& texts, const std::vector<std::string>& sources,
                  const Tensor& weights) {
  Json json = Json::array();
  for (size_t s = 0; s < sources.size(); ++s) {
    size_t votes = 0, toxic = 0;
    for (const RecordedText& text : texts) {
      votes += text.votes[s] != polar::kAbstains;
      toxic += text.votes[s] == 1;
    }
    json.push_back(
        {{"name", sources[s]}, {"weight", weights[int64_t(s)].item<double>()}, {"votes", votes}, {"toxic", toxic}});
  }
  return json;
}

}  // namespace

Probes fit_probes(const std::vector<RecordedText>& texts, const std::vector<std::string>& sources,
                  const GateOptions& options, Watch& watch) {
  Probes probes;
  probes.report = {{"fit", name(options.calibrate)}};
  std::function<LogisticModel(std::optional<int64_t> left_out)> fit = [&](std::optional<int64_t> left_out) {
    return fit_labels(texts, options.C, left_out);
  };
  if (options.calibrate == Calibrate::Polar) {
    const Tensor weights = source_weights(texts, options);
    probes.report["scalariser"] = name(options.scalariser);
    probes.report["sources"] = sources_json(texts, sources, weights);
    fit = [&, weights](std::optional<int64_t> left_out) { return fit_votes(texts, weights, options, left_out, watch); };
  }
  probes.unseen.resize(texts.size());
  Progress progress(watch, "gate: probes", kFolds, "folds");
  for (int64_t fold = 0; fold < int64_t(kFolds); ++fold) {
    watch.throw_if_stopped();
    const LogisticModel probe = fit(fold);
    for (size_t t = 0; t < texts.size(); ++t)
      if (texts[t].fold == fold)
        for (const RecordedStep& step : texts[t].steps) probes.unseen[t].push_back(probe.margin(values_of(step.state)));
    progress.update(uint64_t(fold) + 1);
  }
  progress.finish();
  probes.whole = fit(std::nullopt);
  return probes;
}

}  // namespace limpid::gate
