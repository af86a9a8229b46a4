#include <algorithm>
#include <cmath>
#include <vector>

#include "limpid/kernels/ops.h"
#include "limpid/kernels/ops_kernels.h"

/// The oracles: double sums, one loop after the other, nothing clever.
namespace limpid::kernels {

void rms_norm_plain(const float* x, const float* weight, float* y, size_t rows, size_t n, float eps, float offset) {
  for (size_t row = 0; row < rows; ++row, x += n, y += n) {
    double sum_squares = 0.0;  // double: the oracle must not share our rounding
    for (size_t i = 0; i < n; ++i) sum_squares += double(x[i]) * x[i];
    const double scale = 1.0 / std::sqrt(sum_squares / double(n) + eps);
    for (size_t i = 0; i < n; ++i) y[i] = float((double(weight[i]) + offset) * x[i] * scale);
  }
}

void layer_norm_plain(const float* x, const float* weight, const float* bias, float* y, size_t rows, size_t n,
                      float eps) {
  for (size_t row = 0; row < rows; ++row, x += n, y += n) {
    double mean = 0.0, variance = 0.0;
    for (size_t i = 0; i < n; ++i) mean += x[i];
    mean /= double(n);
    for (size_t i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
    const double scale = 1.0 / std::sqrt(variance / double(n) + eps);
    for (size_t i = 0; i < n; ++i) {
      y[i] = float((x[i] - mean) * scale * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f));
    }
  }
}

void activate_plain(float* x, size_t n, Activation kind) {
  for (size_t i = 0; i < n; ++i) {
    const double v = x[i];
    switch (kind) {
      case Activation::Silu: x[i] = float(v / (1.0 + std::exp(-v))); break;
      case Activation::GeluTanh:  // 1 + tanh(u) = 2 / (1 + exp(-2u)), which keeps its digits for large negative u
        x[i] = float(v / (1.0 + std::exp(-2.0 * 0.7978845608028654 * (v + 0.044715 * v * v * v))));
        break;
      case Activation::GeluExact: x[i] = float(0.5 * v * std::erfc(-v * 0.7071067811865476)); break;
      case Activation::Relu: x[i] = v > 0.0 ? x[i] : 0.0f; break;
    }
  }
}

void attention_plain(const AttentionShape& shape, const float* q, size_t q_stride,
                     const PagedSequence* sequence_of_token, const int32_t* position_of_token, size_t tokens,
                     float* out, size_t out_stride) {
  const size_t dim = shape.head_dim, per_kv = shape.heads / shape.kv_heads;
  const size_t row_bytes = cache_row_bytes(shape.cache, dim);
  std::vector<double> weight, sum(dim);
  std::vector<float> row(dim);
  for (size_t t = 0; t < tokens; ++t) {
    const auto [begin, end] = Visible(shape, t, position_of_token[t]);
    for (size_t h = 0; h < shape.heads; ++h) {
      const float* query = q + t * q_stride + h * dim;
      const auto at = [&](const std::byte* const* pages, int64_t j) {
        const size_t place = h / per_kv * shape.page_tokens + size_t(j) % shape.page_tokens;
        read_cache_row(shape.cache, pages[size_t(j) / shape.page_tokens] + place * row_bytes, dim, row.data());
        return row.data();
      };
      weight.assign(size_t(end - begin), 0.0);
      double largest = -INFINITY, total = 0.0;
      for (int64_t j = begin; j < end; ++j) {
        const float* key = at(sequence_of_token[t].key_pages, j);
        double score = 0.0;
        for (size_t d = 0; d < dim; ++d) score += double(query[d]) * key[d];
        score *= shape.scale;
        if (shape.softcap > 0.0f) score = shape.softcap * std::tanh(score / shape.softcap);
        if (shape.bias) score += shape.bias[t * shape.bias_token_stride + h * shape.bias_stride + size_t(j)];
        weight[size_t(j - begin)] = score;
        largest = std::max(largest, score);
      }
      for (double& w : weight) total += w = std::exp(w - largest);
      sum.assign(dim, 0.0);
      for (int64_t j = begin; j < end; ++j) {
        const float* value = at(sequence_of_token[t].value_pages, j);
        for (size_t d = 0; d < dim; ++d) sum[d] += weight[size_t(j - begin)] * value[d];
      }
      for (size_t d = 0; d < dim; ++d) out[t * out_stride + h * dim + d] = float(sum[d] / total);
    }
  }
}

}  // namespace limpid::kernels
