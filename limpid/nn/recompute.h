#pragma once

#include <torch/types.h>

#include <functional>

/// Memory for time: activations that backward makes again instead of keeping.
namespace limpid::nn {

using torch::Tensor;

/// f(x). Under autograd only x is kept; backward runs f again and goes through it, so gradients (also of the leaves
/// that f uses besides x) are the same to the bit. Chen et al. 2016, arXiv:1604.06174.
/// @param f  a pure function: the same result for the same x, and no change of x where x asks for a gradient
Tensor recomputed(std::function<Tensor(Tensor x)> f, const Tensor& x);

}  // namespace limpid::nn
