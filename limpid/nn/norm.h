#pragma once

#include <torch/types.h>

/// Normalisation of rows: float32 kernels in inference, LibTorch under autograd.
namespace limpid::nn {

using torch::Tensor;

/// (offset + weight) * x / sqrt(mean(x^2) + eps), over the last dimension. Zhang & Sennrich 2019, arXiv:1910.07467.
class RmsNorm {
 public:
  RmsNorm() = default;
  RmsNorm(Tensor weight, double eps, double offset = 0.0) : weight_(std::move(weight)), eps_(eps), offset_(offset) {}
  Tensor forward(const Tensor& x) const;  ///< x [..., n] -> same shape, float32
  /// Norms each head of x [N, heads * n] by itself; the result has the type of x.
  Tensor forward_heads(const Tensor& x) const;
  const Tensor& weight() const { return weight_; }

 private:
  Tensor weight_;
  double eps_ = 0.0, offset_ = 0.0;
};

/// (x - mean) / sqrt(var + eps) * weight + bias, over the last dimension. Ba et al. 2016, arXiv:1607.06450.
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(Tensor weight, Tensor bias, double eps) : weight_(std::move(weight)), bias_(std::move(bias)), eps_(eps) {}
  Tensor forward(const Tensor& x) const;

 private:
  Tensor weight_, bias_;
  double eps_ = 0.0;
};

}  // namespace limpid::nn
