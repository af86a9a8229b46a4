#include "limpid/kernels/ops.h"

#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {

void rms_norm(const float* x, const float* weight, float* y, size_t rows, size_t n, float eps, float offset) {
  rms_norm_plain(x, weight, y, rows, n, eps, offset);
}

void layer_norm(const float* x, const float* weight, const float* bias, float* y, size_t rows, size_t n, float eps) {
  layer_norm_plain(x, weight, bias, y, rows, n, eps);
}

void rotary(float* x, size_t rows, size_t stride, size_t heads, size_t head_dim, size_t rotary_dim, const float* cos,
            const float* sin) {
  const size_t half = rotary_dim / 2;
  for (size_t row = 0; row < rows; ++row) {
    for (size_t h = 0; h < heads; ++h) {
      float* head = x + row * stride + h * head_dim;
      for (size_t i = 0; i < half; ++i) {
        const float c = cos[row * half + i], s = sin[row * half + i], a = head[i], b = head[half + i];
        head[i] = a * c - b * s;
        head[half + i] = b * c + a * s;
      }
    }
  }
}

void add(float* y, const float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] += x[i];
}

void activate(float* x, size_t n, Activation kind) { activate_plain(x, n, kind); }

void gated(float* gate, const float* up, size_t n, Activation kind) {
  activate_plain(gate, n, kind);
  for (size_t i = 0; i < n; ++i) gate[i] *= up[i];
}

void attention(const AttentionShape& shape, const float* q, size_t q_stride, const PagedSequence* sequence_of_token,
               const int32_t* position_of_token, size_t tokens, float* out, size_t out_stride) {
  parallel_for(tokens, [&](size_t t) {
    attention_plain(shape, q + t * q_stride, q_stride, sequence_of_token + t, position_of_token + t, 1, out + t * out_stride,
                    out_stride);
  });
}

}  // namespace limpid::kernels
