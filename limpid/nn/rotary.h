#pragma once

#include <torch/types.h>

#include <span>

#include "limpid/checkpoints/config.h"

/// Rotary position embedding, halves paired as in Hugging Face checkpoints. Su et al. 2021, arXiv:2104.09864.
namespace limpid::nn {

using torch::Tensor;

/// cos and sin of the N tokens of a pass, [N, rotary_dim / 2] each.
struct RotaryTable {
  Tensor cos, sin;
};

class Rotary {
 public:
  Rotary() = default;
  Rotary(int64_t rotary_dim, const RopeConfig& rope);  ///< @throws ConfigError for a scaling that no family has
  RotaryTable table(std::span<const int32_t> positions) const;
  /// Rotates x [N, heads * head_dim]; in place in inference, a new tensor under autograd.
  Tensor apply(Tensor x, int64_t heads, const RotaryTable& table) const;

 private:
  std::vector<float> inverse_frequency_;  // [rotary_dim / 2]
  double magnitude_ = 1;                  // of cos and sin
};

}  // namespace limpid::nn
