#include "limpid/nn/mlp.h"

#include "limpid/core/error.h"

namespace limpid::nn {
namespace {

bool under_autograd(const Tensor& x) { return at::GradMode::is_enabled() && x.requires_grad(); }

Tensor apply_activation(const Tensor& x, Activation kind) {
  switch (kind) {
    case Activation::Silu: return torch::silu(x);
    case Activation::GeluTanh: return torch::gelu(x, "tanh");
    case Activation::GeluExact: return torch::gelu(x);
    case Activation::Relu: return torch::relu(x);
  }
  return x;
}

}  // namespace

Activation activation_named(const std::string& name, const std::string& source) {
  if (name == "gelu") return Activation::GeluExact;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::GeluTanh;
  if (name == "relu") return Activation::Relu;
  LIMPID_CHECK(name == "silu" || name == "swish", ConfigError, source, ": activation \"", name,
               "\" is not supported; supported are gelu, gelu_new, gelu_pytorch_tanh, relu, silu");
  return Activation::Silu;
}

Tensor activate(Tensor x, Activation kind) {
  if (under_autograd(x) || x.dtype() != torch::kFloat32) return apply_activation(x, kind);
  kernels::activate(x.mutable_data_ptr<float>(), size_t(x.numel()), kind);
  return x;
}

Tensor gated(Tensor gate, const Tensor& up, Activation kind, bool trainable) {
  if (trainable) return apply_activation(gate, kind) * up;
  kernels::gated(gate.mutable_data_ptr<float>(), up.const_data_ptr<float>(), size_t(gate.numel()), kind);
  return gate;
}

Tensor residual(Tensor x, const Tensor& y) {
  if (at::GradMode::is_enabled() && (x.requires_grad() || y.requires_grad())) return x + y.to(x.dtype());
  if (y.dtype() != torch::kFloat32) return x + y.to(x.dtype());
  kernels::add(x.mutable_data_ptr<float>(), y.const_data_ptr<float>(), size_t(x.numel()));
  return x;
}

}  // namespace limpid::nn
