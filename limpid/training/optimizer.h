#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "limpid/training/options.h"

/// AdamW, its schedule, and clipping: small enough to be saved and restored to the same bits.
namespace limpid {

/// AdamW on float32 parameters. Loshchilov & Hutter 2019, arXiv:1711.05101, as torch.optim.AdamW:
///   p -= lr * wd * p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
///   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
class AdamW {
 public:
  /// Takes those of `parameters` that require a gradient. @throws ShapeError when one is not contiguous
  /// float32.
  AdamW(const std::map<std::string, torch::Tensor>& parameters, const AdamWOptions& options);

  void zero_grad();
  /// Takes one step with this learning rate. A parameter without a gradient is left as it is.
  void step(double learning_rate);

  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  /// Returns the parameters and moments by name ("NAME", "NAME.adam_m", "NAME.adam_v"), for saving, or for restoring in
  /// place.
  std::map<std::string, torch::Tensor> state() const;

 private:
  AdamWOptions options_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, first_, second_;
  int64_t steps_ = 0;
};

/// Scales all gradients by min(1, limit / (norm + 1e-6)); limit 0 does not clip. @return the norm before clipping.
double clip_gradients(const std::vector<torch::Tensor>& parameters, double limit);

/// Returns the learning rate: linear warm-up over `warmup` steps; then linear decay to 0 at `total`, half a cosine (1 +
/// cos(pi x)) / 2 that ends there, or the peak throughout. `step` counts from 0.
double scheduled_rate(double peak, int64_t step, int64_t warmup, int64_t total, Schedule schedule = Schedule::Linear);

}  // namespace limpid
