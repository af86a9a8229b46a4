#include "limpid/decoding/logits.h"

#include <algorithm>
#include <cmath>

namespace limpid {

std::vector<std::span<float>> rows_of(Tensor& x) {
  x = x.contiguous();
  const size_t width = size_t(x.size(1));
  float* data = x.mutable_data_ptr<float>();
  std::vector<std::span<float>> rows;
  for (size_t r = 0; r < size_t(x.size(0)); ++r) rows.emplace_back(data + r * width, width);
  return rows;
}

const char* fault_of(const kernels::RowPeak& peak) {
  if (!peak.is_sound) return "some are infinite or not numbers";
  return peak.highest > kRemoved ? nullptr : "no token is left to be drawn";
}

double log_sum_exp(std::span<const float> z) {
  const float top = *std::max_element(z.begin(), z.end());
  double sum = 0.0;
  for (float value : z) sum += double(std::exp(value - top));
  return double(top) + std::log(sum);
}

double log_sum_exp_in_double(std::span<const float> z) {
  const float top = *std::max_element(z.begin(), z.end());
  double sum = 0.0;
  for (float value : z) sum += std::exp(double(value) - top);
  return top + std::log(sum);
}

double kl_divergence(std::span<const float> q, std::span<const float> p) {
  const double q_sum = log_sum_exp(q), p_sum = log_sum_exp(p);
  double sum = 0.0;
  for (size_t v = 0; v < q.size(); ++v) {
    if (q[v] == kRemoved) continue;
    const double log_q = double(q[v]) - q_sum;
    sum += std::exp(log_q) * (log_q - (double(p[v]) - p_sum));
  }
  return sum;
}

void mask_implausible(double share, std::span<float> z) {
  const double least = double(*std::max_element(z.begin(), z.end())) + std::log(share);
  for (float& value : z)
    if (!(double(value) >= least)) value = kRemoved;
}

TokenIds kept_tokens(std::span<const float> z) {
  TokenIds kept;
  for (size_t v = 0; v < z.size(); ++v)
    if (z[v] != kRemoved) kept.push_back(TokenId(v));
  return kept;
}

TokenIds likeliest(std::span<const float> z, size_t count) {
  TokenIds ids = kept_tokens(z);
  count = std::min(count, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + std::ptrdiff_t(count), ids.end(), [&](TokenId a, TokenId b) {
    return z[size_t(a)] > z[size_t(b)] || (z[size_t(a)] == z[size_t(b)] && a < b);
  });
  ids.resize(count);
  return ids;
}

void add_contrast(std::span<float> z, std::span<const float> more, std::span<const float> less, float s) {
  for (size_t v = 0; v < z.size(); ++v)
    if (z[v] != kRemoved) z[v] += s * ((more.empty() ? z[v] : more[v]) - less[v]);
}

}  // namespace limpid
