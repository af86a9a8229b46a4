#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace limpid {

/// log sum_i exp(z[i]) of logits in nats, so that z[v] - log_sum_exp(z) is log p[v]. Exponentials in float, their sum
/// in double, in order of the ids: the same bits wherever it is asked. @param z  not empty, some of it finite
inline double log_sum_exp(std::span<const float> z) {
  const float top = *std::max_element(z.begin(), z.end());
  double sum = 0.0;
  for (float value : z) sum += double(std::exp(value - top));
  return double(top) + std::log(sum);
}

}  // namespace limpid
