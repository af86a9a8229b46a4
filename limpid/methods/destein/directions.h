#pragma once

#include <torch/types.h>

#include <cstdint>

#include "limpid/methods/destein/options.h"

/// Directions from the activations of toxic and neutral texts of the same meaning (docs/methods.md, Directions).
/// Layers L, pairs N, width D; row i of both classes is one pair.
namespace limpid::destein {

using torch::Tensor;

/// Returns the mean differences of activations [L, N, D], [L, D] float32, pointing from neutral to toxic. Float64
/// inside.
Tensor mean_directions(const Tensor& toxic, const Tensor& neutral);
/// Returns the first right singular vector of each layer's differences, from the mean of all differences if `centred`.
Tensor pca_directions(const Tensor& toxic, const Tensor& neutral, bool centred = false);
Tensor orthogonal_directions(const Tensor& toxic, const Tensor& neutral, int64_t heads);
Tensor random_directions(int64_t layers, int64_t width, uint64_t seed);

/// Returns the means over the last `window` of each text's first `length` positions.
/// [L, N, T, D], [N] int64 -> [L, N, D].
Tensor last_positions_mean(const Tensor& activations, const Tensor& lengths, int64_t window);

}  // namespace limpid::destein
