#pragma once

#include <vector>

#include "limpid/nn/linear.h"
#include "limpid/nn/mlp.h"

/// Feed-forward halves of several experts. Shazeer et al. 2017, arXiv:1701.06538; Jiang et al. 2024, arXiv:2401.04088.
namespace limpid::nn {

/// A gated feed-forward of its own: gate and up [F, D], down [D, F].
struct Expert {
  Linear gate, up, down;
};

/// A router and the experts among which it chooses, for each token by itself.
class Experts {
 public:
  Experts() = default;
  /// @param router           [experts, D]
  /// @param experts_per_token  of the largest scores
  /// @param whole_shares     a token's shares add up to 1; else they are what softmax over all experts gives them
  Experts(Linear router, std::vector<Expert> experts, int64_t experts_per_token, bool whole_shares);

  bool defined() const { return router_.defined(); }
  /// Returns sum over a token's experts e of share_e down_e(activation(gate_e(x)) * up_e(x)), [N, D] -> [N, D]. In
  /// inference only the weights of chosen experts are read, and a token's result has the same bits alone and among
  /// others.
  Tensor forward(const Tensor& x, Activation activation) const;
  /// Returns the same by definition: every expert reads every token, and shares of those that were not chosen are 0.
  Tensor forward_plain(const Tensor& x, Activation activation) const;

 private:
  Tensor chosen_only(const Tensor& x, Activation activation) const;
  Tensor under_autograd(const Tensor& x, Activation activation) const;
  Tensor through(const Expert& expert, const Tensor& x, Activation activation) const;

  Linear router_;
  std::vector<Expert> experts_;
  int64_t experts_per_token_ = 0;
  bool whole_shares_ = true;
};

}  // namespace limpid::nn
