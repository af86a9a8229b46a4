#include "limpid/methods/profs/fit.h"

#include <cmath>

#include "limpid/data/pairs.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/layer_range.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/target_signature.h"

namespace limpid {
namespace {

constexpr float kProfsStrength = 1.0f;
constexpr double kFirstLayerShare = 0.45;  // layers 10 of 24, 15 of 32 and 10 of 24 in the paper
constexpr int64_t kMostDimensions = 1024;

std::vector<PooledText> encoded(const Tokenizer& tokenizer, const ProfsFit& fit, std::string SteeringPair::* text) {
  std::vector<PooledText> texts;
  for (const SteeringPair& pair : fit.pairs)
    texts.push_back(PooledText::whole(tokenizer.encode(pair.*text, /*add_special=*/true), fit.max_tokens));
  return texts;
}

}  // namespace

Tensor profs_vectors(const Model& target, std::span<const PooledText> preferred,
                     std::span<const PooledText> nonpreferred, int64_t k, int64_t first_layer, int64_t last_layer,
                     Watch& watch) {
  const Tensor good = mean_activations(target, Site::LayerOutput, preferred, "preferred texts", watch);
  const Tensor bad = mean_activations(target, Site::LayerOutput, nonpreferred, "toxic texts", watch);
  std::vector<Tensor> vectors;
  for (int64_t layer = first_layer; layer <= last_layer; ++layer)
    vectors.push_back(toxic_subspace(good[layer], bad[layer], k));
  return torch::stack(vectors);
}

Json fit_profs(const Model& target, const ProfsFit& fit, Watch& watch) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, "[fit] ", target.path().string(),
               ": has no tokenizer; texts cannot be encoded");
  const ModelConfig& config = target.config();
  const int64_t k = fit.k > 0 ? fit.k : config.architecture == "gpt2" ? 2 : 10;
  const int64_t first =
      fit.first_layer >= 0 ? fit.first_layer : std::lround(kFirstLayerShare * double(config.num_layers));
  const int64_t last = fit.last_layer >= 0 ? fit.last_layer : config.num_layers - 1;
  LIMPID_CHECK(first <= last && last < config.num_layers, ConfigError, "[fit] layers ", first, " to ", last,
               " of a model whose layers are 0 to ", config.num_layers - 1);
  const Tensor vectors = profs_vectors(target, encoded(*target.tokenizer(), fit, &SteeringPair::neutral),
                                       encoded(*target.tokenizer(), fit, &SteeringPair::toxic), k, first, last, watch);
  DetoxifierInfo info;
  info.method = "profs";
  info.target = TargetSignature::of(target);
  info.settings = {{"k", k},
                   {"first_layer", first},
                   {"layers", last - first + 1},
                   {"pairs", {{"count", fit.pairs.size()}, {"max_tokens", fit.max_tokens}}}};
  info.default_strength = double(fit.strength.value_or(kProfsStrength));
  info.strength_meaning =
      "share of the toxic subspace that is taken out of the feed-forward outputs: 1 takes it out whole";
  info.provenance = fit.provenance;
  info.provenance["seed"] = fit.seed;
  OutgoingTensors out;
  out.add("vectors", vectors);
  write_detoxifier(fit.output, info, out.views());
  return info.settings;
}

WeightDeltas profs_deltas(const DetoxifierFile& file, const DetoxSpec& spec) {
  const std::string where = concat("[profs] ", file.path().string(), ": ");
  const int64_t L = file.info().target.layers,
                first = require<int64_t>(file.info().settings, "first_layer", where + "settings");
  const Tensor vectors = float_tensor(file, "vectors", {-1, -1, file.info().target.hidden_size});
  const int64_t layers = vectors.size(0), k = vectors.size(1);
  LIMPID_CHECK(layers >= 1 && k >= 1 && k <= kMostDimensions, FormatError, where, "vectors are ", vectors.sizes(),
               ", expected [layers, k, width]");
  LIMPID_CHECK(first >= 0 && first <= L - layers, FormatError, where, "subspaces of ", layers, " layers from ", first,
               " on, the target has ", L);
  const Tensor gram = vectors.to(torch::kFloat64).matmul(vectors.to(torch::kFloat64).transpose(1, 2));
  LIMPID_CHECK((gram - torch::eye(k, torch::kFloat64)).abs().max().item<double>() < 1e-3, FormatError, where,
               "the vectors of a layer are not orthonormal");

  int64_t from = first, to = first + layers - 1;
  for (const auto& [key, value] : spec.options) {
    LIMPID_CHECK(key == "layers", ConfigError, where, "option \"", key, "\" is not known; there is layers");
    std::tie(from, to) = parse_layers(value, where);
    if (to < 0) to = first + layers - 1;
    LIMPID_CHECK(from >= first && from <= to && to < first + layers, ConfigError, where, "layers ", value,
                 ", the file has ", first, " to ", first + layers - 1);
  }
  return profs_deltas(vectors.narrow(0, from - first, to - from + 1), from, L);
}

std::shared_ptr<Detoxifier> load_profs(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec) {
  return file_detoxifier(file, "profs", [deltas = profs_deltas(*file, spec)](const Model& target) {
    return std::make_unique<WeightDeltaSession>(target, deltas);
  });
}

}  // namespace limpid
