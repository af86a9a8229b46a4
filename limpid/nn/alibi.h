#pragma once

#include <torch/types.h>

/// Attention with linear biases. Press et al. 2021, arXiv:2108.12409.
namespace limpid::nn {

/// Returns each head's slope times the position of the key, [heads, positions up to the next multiple of 16] float32:
/// what softmax makes of it depends on distances alone. The slopes are 2^(-most i / n) for i = 1 … n, n being `heads`;
/// where that is no power of two, every second one of the next power's, then the others from the first on.
/// @param round  the type that slopes and products are rounded to
torch::Tensor alibi_bias(int64_t heads, int64_t positions, double most, torch::ScalarType round = torch::kFloat32);

}  // namespace limpid::nn
