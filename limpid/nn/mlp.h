#pragma once

#include "limpid/kernels/ops.h"
#include "limpid/nn/linear.h"

/// Feed-forward blocks and the residual sum.
namespace limpid::nn {

using kernels::Activation;

/// By its name in a config.json. @param source  begins the message. @throws ConfigError that names those there are.
Activation activation_named(const std::string& name, const std::string& source);

Tensor activate(Tensor x, Activation kind);  ///< in place in inference

/// down(activation(gate(x)) * up(x)). Shazeer 2020, arXiv:2002.05202.
class GatedMlp {
 public:
  GatedMlp(Linear gate, Linear up, Linear down, Activation kind)
      : gate_(std::move(gate)),
        up_(std::move(up)),
        down_(std::move(down)),
        kind_(kind) {}
  /// [N, D] -> [N, D]. `visits.gate(x, y)`, `up` and `down` may change what the layers gave.
  template <class Visits>
  Tensor forward(const Tensor& x, const Visits& visits) const {
    auto both = forward_many({&gate_, &up_}, x);
    visits.gate(x, both[0]);
    visits.up(x, both[1]);
    const Tensor inner = gated(std::move(both[0]), both[1]);
    Tensor out = down_.forward(inner);
    visits.down(inner, out);
    return out;
  }
  const Linear& gate() const { return gate_; }
  const Linear& up() const { return up_; }
  const Linear& down() const { return down_; }

 private:
  Tensor gated(Tensor gate, const Tensor& up) const;  ///< activation(gate) * up; in place in inference
  Linear gate_, up_, down_;
  Activation kind_;
};

/// x + y, float32; in place on x in inference.
Tensor residual(Tensor x, const Tensor& y);

}  // namespace limpid::nn
