#pragma once

#include "limpid/core/watch.h"
#include "limpid/data/pairs.h"
#include "limpid/methods/destein/framing.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/profs/subspace.h"

/// `limpid fit profs`: from a target and pairs of toxic and neutral texts to a detoxifier file. Forward passes only.
///
/// What the file (method "profs") holds: vectors [layers, k, D], one subspace for each layer from settings.first_layer
/// on. Where a norm follows the feed-forward output, its weights turn the subspace a little before it reaches
/// the residual stream.
namespace limpid {

struct ProfsFit {
  fs::path output;
  std::vector<SteeringPair> pairs;
  int64_t k =
      0;  ///< dimensions of each subspace; 0: 10, or 2 where the feed-forward is not gated (the paper's for GPT-2)
  int64_t first_layer = -1,
          last_layer = -1;   ///< inclusive; -1: from 0.45 L on, where the paper's ranges begin, and to the end
  int64_t max_tokens = 128;  ///< of a text; what is longer loses its end
  std::optional<float> strength;
  uint64_t seed = 1;  ///< that drew the pairs, for the record
  Json provenance = Json::object();
};

/// Subspaces of the layers [first, last], [layers, k, D], from mean-pooled outputs of the blocks, before the final
/// norm.
Tensor profs_vectors(const Model& target, std::span<const PooledText> preferred,
                     std::span<const PooledText> nonpreferred, int64_t k, int64_t first_layer, int64_t last_layer,
                     Watch& watch = unwatched());

/// Writes fit.output and returns its settings. @throws ConfigError for layers that the model does not have.
Json fit_profs(const Model& target, const ProfsFit& fit, Watch& watch = unwatched());

}  // namespace limpid
