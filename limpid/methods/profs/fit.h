#pragma once

#include "limpid/core/watch.h"
#include "limpid/methods/destein/framing.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/profs/options.h"
#include "limpid/methods/profs/subspace.h"

/// `limpid fit profs`: from a target and pairs of toxic and neutral texts to a detoxifier file. Forward passes only.
///
/// The file (method "profs") holds vectors [layers, k, D], one subspace for each layer from settings.first_layer
/// on. Where a norm follows the feed-forward output, its weights turn the subspace a little before it reaches
/// the residual stream.
namespace limpid::profs {

/// Returns the subspaces of the layers [first, last], [layers, k, D], from mean-pooled outputs of the blocks, before
/// the final norm.
Tensor profs_vectors(const Model& target, std::span<const PooledText> preferred,
                     std::span<const PooledText> nonpreferred, int64_t k, int64_t first_layer, int64_t last_layer,
                     Watch& watch = unwatched());

/// Writes fit.output and returns its settings. @throws ConfigError for layers that the model does not have.
Json fit_profs(const Model& target, const ProfsFit& fit, Watch& watch = unwatched());

}  // namespace limpid::profs
