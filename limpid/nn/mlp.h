#pragma once

#include "limpid/kernels/ops.h"
#include "limpid/nn/linear.h"

/// Feed-forward blocks and the residual sum.
namespace limpid::nn {

using kernels::Activation;

/// By its name in a config.json. @param source  begins the message. @throws ConfigError that names those there are.
Activation activation_named(const std::string& name, const std::string& source);

Tensor activate(Tensor x, Activation kind);  ///< in place in inference

/// activation(gate) * up; in place on `gate` in inference. @param trainable  the layers they come from are
Tensor gated(Tensor gate, const Tensor& up, Activation kind, bool trainable);

/// x + y, float32; in place on x in inference.
Tensor residual(Tensor x, const Tensor& y);

}  // namespace limpid::nn
