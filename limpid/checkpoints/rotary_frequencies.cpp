#include "limpid/checkpoints/rotary_frequencies.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "limpid/core/error.h"

namespace limpid {
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
double pair_of_turns(double turns, int64_t width, const RopeConfig& rope) {
  return double(width) * std::log(double(rope.original_max_position) / (turns * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(rope.theta));
}

double yarn_scaled(double frequency, int64_t pair, int64_t width, const RopeConfig& rope) {
  double first = pair_of_turns(rope.fast_turns, width, rope), last = pair_of_turns(rope.slow_turns, width, rope);
  if (rope.whole_pairs) first = std::floor(first), last = std::ceil(last);
  first = std::max(first, 0.0), last = std::min(last, double(width - 1));
  if (first == last) last += 0.001;
  const double stretched = std::clamp((double(pair) - first) / (last - first), 0.0, 1.0);
  return frequency / rope.factor * stretched + frequency * (1.0 - stretched);
}

}  // namespace

std::vector<float> rotary_frequencies(const RopeConfig& rope, int64_t width) {
  LIMPID_CHECK(rope.scaling != RopeConfig::Scaling::kOther, ConfigError, "[rotary] scaling \"", rope.type_name,
               "\" is not supported");
  std::vector<float> frequencies;
  for (int64_t i = 0; i < width; i += 2) {
    // float32 as in the reference implementation, whose rounding would otherwise show at large positions
    double frequency = float(1.0 / std::pow(rope.theta, double(i) / double(width)));
    if (rope.scaling == RopeConfig::Scaling::kLinear) frequency /= rope.factor;
    if (rope.scaling == RopeConfig::Scaling::kLlama3) frequency = llama3_scaled(frequency, rope);
    if (rope.scaling == RopeConfig::Scaling::kYarn) frequency = yarn_scaled(frequency, i / 2, width, rope);
    if (rope.scaling == RopeConfig::Scaling::kDivisors) frequency /= rope.divisors.at(size_t(i / 2));
    frequencies.push_back(float(frequency));
  }
  return frequencies;
}

double yarn_magnitude(double factor, double weight) { return factor <= 1 ? 1 : 0.1 * weight * std::log(factor) + 1; }

std::vector<float> llama3_divisors(const RopeConfig& rope, int64_t width) {
  std::vector<float> divisors;
  if (rope.scaling != RopeConfig::Scaling::kLlama3) return divisors;
  for (int64_t i = 0; i < width; i += 2) {
    const double frequency = 1.0 / std::pow(rope.theta, double(i) / double(width));
    divisors.push_back(float(frequency / llama3_scaled(frequency, rope)));
  }
  return divisors;
}

}  // namespace limpid
