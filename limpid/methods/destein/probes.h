#pragma once

#include <torch/types.h>

#include <cstdint>

#include "limpid/methods/destein/options.h"

/// Linear probes that tell toxic from neutral activations, one per layer and head (docs/methods.md, Probes): logistic
/// regression with 0.5 |w|^2 + C sum log(1 + exp(-s f)), the intercept free. Layers L, pairs N, heads H of K numbers.
namespace limpid::destein {

using torch::Tensor;

struct Probes {
  Tensor weights;     ///< [L, H, K] float32, class 1 is toxic
  Tensor intercepts;  ///< [L, H] float32
  Tensor accuracy;    ///< [L, H] float32, on held-out texts
};

/// Fits probes on all pairs and measures their accuracy by cross-validation. @throws ConfigError for fewer pairs than
/// folds.
Probes cross_validated_probes(const Tensor& toxic, const Tensor& neutral, const ProbeOptions& options);
/// Fits probes on the first `train_pairs` and tests them on the rest: the split of the release.
Probes released_probes(const Tensor& toxic, const Tensor& neutral, int64_t train_pairs, const ProbeOptions& options);
/// Returns w = clip((accuracy - 0.5) / 0.5, 0, 1): heads at chance are left alone.
Tensor head_weights(const Tensor& accuracy);

}  // namespace limpid::destein
