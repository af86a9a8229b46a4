#pragma once

#include <torch/types.h>

#include "limpid/methods/weight_delta.h"

/// The toxic subspace of ProFS, also known as DeTox (Uppaal et al., ICLR 2025, arXiv:2405.13967; docs/methods.md,
/// ProFS), of one layer with states of width D.
namespace limpid::profs {

/// Returns the top k right singular vectors of the paired differences D = (preferred - nonpreferred) / 2, after the
/// topic direction (first right singular vector of the preferred matrix as it is, not centred) was taken out of every
/// row.
///
/// @param preferred, nonpreferred  [N, D] mean-pooled states; row i of both is one pair. (The release draws both at
/// random, so that D mixes rows that have nothing to do with each other.)
/// @param keep_topic               leaves the topic direction in
/// @return  V [k, D] float32 with orthonormal rows; the projection onto the subspace is P = V^T V. Float64 inside.
/// @throws ShapeError when the matrices do not fit; ConfigError for more vectors than the differences can have.
Tensor toxic_subspace(const Tensor& preferred, const Tensor& nonpreferred, int64_t k, bool keep_topic = false);

/// Returns the change W <- (I - P) W on the output side of a feed-forward block, its bias untouched; from `first_layer`
/// on one subspace each. Since the change reads the product W x, it is exact beside weights in blocks.
/// @param vectors  [layers, k, D]
WeightDeltas profs_deltas(const Tensor& vectors, int64_t first_layer, int64_t num_layers);

}  // namespace limpid::profs
