#include "limpid/methods/destein/fit.h"

#include <algorithm>

#include "limpid/methods/destein/method.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"

namespace limpid::destein {
namespace {

Json layers_json(int64_t first, int64_t last) { return {first, last}; }

}  // namespace

int64_t heads_of(Tap tap, const ModelConfig& config) {
  if (tap == Tap::Layer) return 1;
  LIMPID_CHECK(tap == Tap::Heads || config.hidden_size % config.num_heads == 0, ConfigError, "[destein] ",
               config.num_heads, " slices do not divide a width of ", config.hidden_size, "; use --tap heads");
  return config.num_heads;
}

SteeringStatistics steering_statistics(const Tensor& toxic, const Tensor& neutral, int64_t heads, DirectionKind kind,
                                       const ProbeOptions& options, uint64_t seed) {
  ProbeOptions probe_options = options;
  probe_options.heads = heads;
  const Probes probes = cross_validated_probes(toxic, neutral, probe_options);
  const int64_t L = toxic.size(0), N = toxic.size(1), D = toxic.size(2);
  SteeringStatistics result;
  result.accuracy = probes.accuracy;
  switch (kind) {
    case DirectionKind::Mean: result.directions = mean_directions(toxic, neutral); break;
    case DirectionKind::Pca: result.directions = pca_directions(toxic, neutral); break;
    case DirectionKind::Logistic: result.directions = probes.weights.reshape({L, D}).contiguous(); break;
    case DirectionKind::Orthogonal: result.directions = orthogonal_directions(toxic, neutral, heads); break;
    case DirectionKind::Random: result.directions = random_directions(L, D, seed); break;
  }
  const auto slices = [&](const Tensor& x) { return x.to(torch::kFloat64).view({L, N, heads, D / heads}); };
  const Tensor z = result.directions.to(torch::kFloat64).view({L, 1, heads, D / heads}),
               unit = z / z.norm(2, -1, true).clamp_min(1e-300);
  const auto lengths = [&](const Tensor& x) { return slices(x).norm(2, -1).mean(1); };
  const auto projections = [&](const Tensor& x) { return (slices(x) * unit).sum(-1).mean(1); };
  result.lengths = (0.5 * (lengths(toxic) + lengths(neutral))).to(torch::kFloat32);
  result.projections = torch::stack({projections(neutral), projections(toxic)}).to(torch::kFloat32);
  return result;
}

Json fit_destein(const Model& target, const SteeringFit& fit, Watch& watch) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, "[fit] ", target.path().string(),
               ": has no tokenizer; texts cannot be encoded");
  LIMPID_CHECK(fit.rule != SteeringRule::AsReleased || fit.tap == Tap::Projection, ConfigError,
               "[fit] rule as_released belongs to --tap projection");
  const int64_t heads = heads_of(fit.tap, target.config()), pairs = int64_t(fit.pairs.size());
  const auto texts = framed_texts(*target.tokenizer(), fit.pairs, fit.framing);
  const Tensor means = mean_activations(target, site_of(fit.tap), texts, "steering pairs", watch);
  const SteeringStatistics statistics = steering_statistics(means.narrow(1, 0, pairs), means.narrow(1, pairs, pairs),
                                                            heads, fit.directions, fit.probes, fit.seed);

  const int64_t usual_first = fit.rule == SteeringRule::AsReleased ? 0 : target.config().num_layers / 2;
  const int64_t first_layer = fit.first_layer >= 0 ? fit.first_layer : usual_first;
  DetoxifierInfo info = new_detoxifier(DesteinMethod::info, target, fit.strength, fit.provenance);
  const Tensor weights = head_weights(statistics.accuracy);
  info.settings = {{"tap", name(fit.tap)},
                   {"heads", heads},
                   {"rule", name(fit.rule)},
                   {"positions", name(fit.positions)},
                   {"layers", layers_json(first_layer, fit.last_layer)},
                   {"directions", name(fit.directions)},
                   {"pairs",
                    {{"count", pairs},
                     {"prefixes", fit.framing.prefixes},
                     {"chat", fit.framing.chat},
                     {"window", fit.framing.window}}},
                   {"probes",
                    {{"folds", fit.probes.folds},
                     {"C", fit.probes.C},
                     {"mean_accuracy", statistics.accuracy.mean().item<double>()},
                     {"best_accuracy", statistics.accuracy.max().item<double>()},
                     {"worst_accuracy", statistics.accuracy.min().item<double>()},
                     {"heads_at_chance", (weights == 0).sum().item<int64_t>()}}}};
  info.provenance["seed"] = fit.seed;
  OutgoingTensors out;
  out.add("directions", statistics.directions);
  out.add("accuracy", statistics.accuracy);
  out.add("lengths", statistics.lengths);
  out.add("projections", statistics.projections);
  write_detoxifier(fit.output, info, out.views());
  return info.settings;
}

}  // namespace limpid::destein
