#include "limpid/methods/profs/fit.h"

#include <cmath>

#include "limpid/data/pairs.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/profs/method.h"

namespace limpid::profs {
namespace {

constexpr double kFirstLayerShare = 0.45;  // layers 10 of 24, 15 of 32 and 10 of 24 in the paper

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
  const int64_t usual_k = target.has(Projection::MlpUp) ? 10 : 2;
  const int64_t k = fit.k > 0 ? fit.k : usual_k;
  const int64_t first =
      fit.first_layer >= 0 ? fit.first_layer : std::lround(kFirstLayerShare * double(config.num_layers));
  const int64_t last = fit.last_layer >= 0 ? fit.last_layer : config.num_layers - 1;
  LIMPID_CHECK(first <= last && last < config.num_layers, ConfigError, "[fit] layers ", first, " to ", last,
               " of a model whose layers are 0 to ", config.num_layers - 1);
  for (int64_t layer = first; layer <= last; ++layer) target.projection(Projection::MlpDown, layer);  // is there
  const Tensor vectors = profs_vectors(target, encoded(*target.tokenizer(), fit, &SteeringPair::neutral),
                                       encoded(*target.tokenizer(), fit, &SteeringPair::toxic), k, first, last, watch);
  DetoxifierInfo info = new_detoxifier(ProfsMethod::info, target, fit.strength, fit.provenance);
  info.settings = {{"k", k},
                   {"first_layer", first},
                   {"layers", last - first + 1},
                   {"pairs", {{"count", fit.pairs.size()}, {"max_tokens", fit.max_tokens}}}};
  info.provenance["seed"] = fit.seed;
  OutgoingTensors out;
  out.add("vectors", vectors);
  write_detoxifier(fit.output, info, out.views());
  return info.settings;
}

}  // namespace limpid::profs
