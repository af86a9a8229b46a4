#pragma once

#include <torch/types.h>

#include <span>

/// The loss that a training run minimises.
namespace limpid {

enum class Split { Train, HeldOut };

/// A loss that is a sum over targets (tokens, or whatever counts as one), divided by their number: so a step's loss is
/// the same however its examples are cut into passes.
class Objective {
 public:
  struct Part {
    torch::Tensor sum;   ///< scalar float64, differentiable in what is trained
    int64_t tokens = 0;  ///< that went through the model, without padding
    int64_t targets = 0;
  };

  virtual ~Objective() = default;
  virtual std::span<const int64_t> lengths(Split split) const = 0;  ///< of each example: alike ones go together
  virtual int64_t targets(uint32_t train_example) const = 0;
  virtual Part loss(Split split, std::span<const uint32_t> chosen) const = 0;  ///< one forward pass
};

}  // namespace limpid
