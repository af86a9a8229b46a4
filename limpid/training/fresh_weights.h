#pragma once

#include <torch/types.h>

#include <functional>
#include <string>

#include "limpid/checkpoints/config.h"

namespace limpid {

/// Returns the weights to begin with, for TrainingOptions::fresh, a function of seed and name: matrices normal with
/// spread 0.02, those that write into the residual stream (the output of attention and feed-forward) divided by sqrt(2
/// L); norms 1 (0 where the family adds 1), biases 0. Radford et al. 2019, "Language models are unsupervised multitask
/// learners", sec. 2.3.
std::function<torch::Tensor(const std::string& name, torch::IntArrayRef shape)> fresh_weights(const ModelConfig& config,
                                                                                              uint64_t seed);

}  // namespace limpid
