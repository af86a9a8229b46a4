#pragma once

#include <torch/types.h>

#include <cstdint>

/// Directions from the activations of toxic and neutral texts of the same meaning (docs/methods.md, Directions).
/// Layers L, pairs N, width D; row i of both classes is one pair.
namespace limpid {

using torch::Tensor;

enum class DirectionKind {
  Mean,        ///< mean of toxic - neutral
  Pca,         ///< first principal component of the pair differences (not centred), unit, signed to agree with the mean
  Logistic,    ///< per head, the weights of a logistic regression on all pairs: what tells the classes apart
  Orthogonal,  ///< Mean without its component along the neutral texts' mean activation, per head: a push that turns the
               ///< state toward neutral without shortening what all texts have in common
  Random,      ///< the placebo: normal numbers
};
const char* name(DirectionKind kind);
DirectionKind parse_direction_kind(const std::string& text);  ///< @throws ConfigError that names those there are

/// [L, N, D] twice -> [L, D] float32, pointing from neutral to toxic. Float64 inside.
Tensor mean_directions(const Tensor& toxic, const Tensor& neutral);
/// First right singular vector of each layer's differences, from the mean of all differences if `centred`.
Tensor pca_directions(const Tensor& toxic, const Tensor& neutral, bool centred = false);
Tensor orthogonal_directions(const Tensor& toxic, const Tensor& neutral, int64_t heads);
Tensor random_directions(int64_t layers, int64_t width, uint64_t seed);

/// Mean over the last `window` of the first `length` positions. [L, N, T, D], [N] int64 -> [L, N, D].
Tensor last_positions_mean(const Tensor& activations, const Tensor& lengths, int64_t window);

}  // namespace limpid
