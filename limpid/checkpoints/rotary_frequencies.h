#pragma once

#include <vector>

#include "limpid/checkpoints/config.h"

namespace limpid {

/// Returns the angle by which each pair of numbers turns from one position to the next: theta^(-2i / width), changed by
/// the scaling (RopeConfig). [width / 2] @throws ConfigError for a scaling that is not supported.
std::vector<float> rotary_frequencies(const RopeConfig& rope, int64_t width);

/// Returns the magnitude that YaRN gives queries and keys for a context `factor` times as long.
double yarn_magnitude(double factor, double weight = 1);

/// Returns the divisors that Llama 3's scaling stands for, which GGUF files have as a tensor (rope_freqs.weight); none
/// for other scaling. [width / 2]
std::vector<float> llama3_divisors(const RopeConfig& rope, int64_t width);

}  // namespace limpid
