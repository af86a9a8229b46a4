#include "limpid/training/optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "limpid/core/error.h"

namespace limpid {
namespace {

constexpr int64_t kGrain = 1 << 14;

}  // namespace

AdamW::AdamW(const std::map<std::string, torch::Tensor>& parameters, const AdamWOptions& options) : options_(options) {
  for (const auto& [name, parameter] : parameters) {
    if (!parameter.requires_grad()) continue;
    LIMPID_CHECK(parameter.is_contiguous() && parameter.scalar_type() == torch::kFloat32, ShapeError, "[adamw] ", name,
                 " is ", parameter.scalar_type(), " with strides ", parameter.strides(),
                 ", expected contiguous float32");
    names_.push_back(name);
    parameters_.push_back(parameter);
    first_.push_back(torch::zeros_like(parameter, torch::kFloat32).detach());
    second_.push_back(torch::zeros_like(parameter, torch::kFloat32).detach());
  }
}

void AdamW::zero_grad() {
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
}

void AdamW::step(double learning_rate) {
  ++steps_;
  const double correction1 = 1.0 - std::pow(options_.beta1, double(steps_)),
               correction2 = 1.0 - std::pow(options_.beta2, double(steps_));
  const float beta1 = float(options_.beta1), beta2 = float(options_.beta2), epsilon = float(options_.epsilon);
  const float rest1 = float(1.0 - options_.beta1), rest2 = float(1.0 - options_.beta2);
  const float rate = float(learning_rate / correction1), root2 = float(1.0 / std::sqrt(correction2));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].grad().defined()) continue;
    const torch::Tensor gradient = parameters_[i].grad().contiguous();
    const bool decays = parameters_[i].dim() > 1;
    const float keep = decays ? float(1.0 - learning_rate * options_.weight_decay) : 1.0f;
    float *p = parameters_[i].data_ptr<float>(), *m = first_[i].data_ptr<float>(), *v = second_[i].data_ptr<float>();
    const float* g = gradient.const_data_ptr<float>();
    at::parallel_for(0, gradient.numel(), kGrain, [=](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) {
        m[j] = beta1 * m[j] + rest1 * g[j];
        v[j] = beta2 * v[j] + rest2 * g[j] * g[j];
        p[j] = keep * p[j] - rate * m[j] / (std::sqrt(v[j]) * root2 + epsilon);
      }
    });
  }
}

std::map<std::string, torch::Tensor> AdamW::state() const {
  std::map<std::string, torch::Tensor> state;
  for (size_t i = 0; i < names_.size(); ++i) {
    state[names_[i]] = parameters_[i].detach();
    state[names_[i] + ".adam_m"] = first_[i];
    state[names_[i] + ".adam_v"] = second_[i];
  }
  return state;
}

double clip_gradients(const std::vector<torch::Tensor>& parameters, double limit) {
  double squares = 0.0;
  for (const torch::Tensor& parameter : parameters) {
    if (!parameter.grad().defined()) continue;
    const torch::Tensor gradient = parameter.grad().contiguous();
    const float* g = gradient.const_data_ptr<float>();
    const int64_t blocks = (gradient.numel() + kGrain - 1) / kGrain;
    std::vector<double> partial(size_t(blocks),
                                0.0);  // by block, not by thread: the same sum for any number of threads
    at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b)
        for (int64_t j = b * kGrain, stop = std::min(j + kGrain, gradient.numel()); j < stop; ++j)
          partial[size_t(b)] += double(g[j]) * g[j];
    });
    for (double part : partial) squares += part;
  }
  const double norm = std::sqrt(squares);
  const double scale = limit > 0.0 ? std::min(1.0, limit / (norm + 1e-6)) : 1.0;
  if (scale < 1.0)
    for (const torch::Tensor& parameter : parameters)
      if (parameter.grad().defined()) torch::Tensor(parameter.grad()).mul_(scale);
  return norm;
}

double scheduled_rate(double peak, int64_t step, int64_t warmup, int64_t total, Schedule schedule) {
  if (step < warmup) return peak * double(step + 1) / double(warmup);
  if (schedule == Schedule::Constant) return peak;
  if (step >= total) return 0.0;
  const double span = double(std::max<int64_t>(1, total - warmup));
  if (schedule == Schedule::Cosine)
    return peak * 0.5 * (1.0 + std::cos(std::numbers::pi * double(step - warmup) / span));
  return peak * double(total - step) / span;
}

}  // namespace limpid
