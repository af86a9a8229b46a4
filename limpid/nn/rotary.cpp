#include "limpid/nn/rotary.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "limpid/core/error.h"
#include "limpid/kernels/ops.h"

namespace limpid::nn {
namespace {

/// Llama 3.1: long wavelengths are stretched by `factor`, short ones stay, those between are blended.
double llama3_scaled(double frequency, const RopeConfig& rope) {
  const double wavelength = 2.0 * std::numbers::pi / frequency, original = double(rope.original_max_position);
  if (wavelength < original / rope.high_freq_factor) return frequency;
  if (wavelength > original / rope.low_freq_factor) return frequency / rope.factor;
  const double blend = (original / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1.0 - blend) * frequency / rope.factor + blend * frequency;
}

/// Pairs that turn `turns` times within the original context, as a fraction of a pair's number.
double pair_of_turns(double turns, int64_t rotary_dim, const RopeConfig& rope) {
  return double(rotary_dim) * std::log(double(rope.original_max_position) / (turns * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(rope.theta));
}

double yarn_scaled(double frequency, int64_t pair, int64_t rotary_dim, const RopeConfig& rope) {
  double first = pair_of_turns(rope.fast_turns, rotary_dim, rope),
         last = pair_of_turns(rope.slow_turns, rotary_dim, rope);
  if (rope.whole_pairs) first = std::floor(first), last = std::ceil(last);
  first = std::max(first, 0.0), last = std::min(last, double(rotary_dim - 1));
  if (first == last) last += 0.001;
  const double stretched = std::clamp((double(pair) - first) / (last - first), 0.0, 1.0);
  return frequency / rope.factor * stretched + frequency * (1.0 - stretched);
}

}  // namespace

Rotary::Rotary(int64_t rotary_dim, const RopeConfig& rope) {
  LIMPID_CHECK(rope.scaling != RopeConfig::Scaling::kOther, ConfigError, "[rotary] scaling \"", rope.type_name,
               "\" is not supported");
  magnitude_ = rope.magnitude;
  for (int64_t i = 0; i < rotary_dim; i += 2) {
    // float32 as in the reference implementation, whose rounding would otherwise show at large positions
    double frequency = float(1.0 / std::pow(rope.theta, double(i) / double(rotary_dim)));
    if (rope.scaling == RopeConfig::Scaling::kLinear) frequency /= rope.factor;
    if (rope.scaling == RopeConfig::Scaling::kLlama3) frequency = llama3_scaled(frequency, rope);
    if (rope.scaling == RopeConfig::Scaling::kYarn) frequency = yarn_scaled(frequency, i / 2, rotary_dim, rope);
    if (rope.scaling == RopeConfig::Scaling::kDivisors) frequency /= rope.divisors.at(size_t(i / 2));
    inverse_frequency_.push_back(float(frequency));
  }
}

RotaryTable Rotary::table(std::span<const int32_t> positions) const {
  const int64_t rows = int64_t(positions.size()), half = int64_t(inverse_frequency_.size());
  RotaryTable table{torch::empty({rows, half}, torch::kFloat32), torch::empty({rows, half}, torch::kFloat32)};
  float *cos = table.cos.mutable_data_ptr<float>(), *sin = table.sin.mutable_data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < half; ++i) {
      const double angle = double(float(positions[size_t(r)]) * float(inverse_frequency_[size_t(i)]));
      cos[r * half + i] = float(std::cos(angle) * magnitude_);
      sin[r * half + i] = float(std::sin(angle) * magnitude_);
    }
  }
  return table;
}

Tensor Rotary::apply(Tensor x, int64_t heads, const RotaryTable& table) const {
  const int64_t rows = x.size(0), head_dim = x.size(1) / heads, half = int64_t(inverse_frequency_.size());
  if (half == 0) return x;
  if (at::GradMode::is_enabled() && x.requires_grad()) {
    const Tensor view = x.view({rows, heads, head_dim});
    const Tensor cos = table.cos.unsqueeze(1), sin = table.sin.unsqueeze(1);
    const Tensor a = view.narrow(-1, 0, half), b = view.narrow(-1, half, half);
    std::vector<Tensor> parts{(a * cos - b * sin).to(x.dtype()), (b * cos + a * sin).to(x.dtype())};
    if (2 * half < head_dim) parts.push_back(view.narrow(-1, 2 * half, head_dim - 2 * half));
    return torch::cat(parts, -1).view({rows, heads * head_dim});
  }
  const auto type = x.scalar_type();  // bfloat16 under a frozen layer of a model in training
  x = x.to(torch::kFloat32);
  kernels::rotary(x.mutable_data_ptr<float>(), size_t(rows), size_t(x.stride(0)), size_t(heads), size_t(head_dim),
                  size_t(2 * half), table.cos.const_data_ptr<float>(), table.sin.const_data_ptr<float>());
  return x.to(type);
}

}  // namespace limpid::nn
