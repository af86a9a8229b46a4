#pragma once

#include <cstddef>
#include <cstdint>

#include "limpid/kernels/cache_rows.h"

/// Row-wise operations of a transformer on float32 rows. Each has a plain version with double sums beside it
/// (`_plain`). All run on the pool, and no row's result depends on the number of rows or threads.
namespace limpid::kernels {

/// y = (offset + weight) * x / sqrt(mean(x^2) + eps). Zhang & Sennrich 2019, arXiv:1910.07467.
void rms_norm(const float* x, const float* weight, float* y, size_t rows, size_t n, float eps, float offset = 0.0f);
void rms_norm_plain(const float* x, const float* weight, float* y, size_t rows, size_t n, float eps,
                    float offset = 0.0f);

/// y = (x - mean) / sqrt(var + eps) * weight + bias; weight and bias may be null (1 and 0).
void layer_norm(const float* x, const float* weight, const float* bias, float* y, size_t rows, size_t n, float eps);
void layer_norm_plain(const float* x, const float* weight, const float* bias, float* y, size_t rows, size_t n,
                      float eps);

/// Rotary position embedding, halves paired (Hugging Face order), in place on x [rows, heads, head_dim], row stride
/// `stride`. cos, sin: [rows, rotary_dim / 2]. Only the first rotary_dim of each head rotate.
void rotary(float* x, size_t rows, size_t stride, size_t heads, size_t head_dim, size_t rotary_dim, const float* cos,
            const float* sin);

/// y += x, n elements.
void add(float* y, const float* x, size_t n);

enum class Activation { Silu, GeluTanh, GeluExact, Relu };
/// x = activation(x), n elements.
void activate(float* x, size_t n, Activation kind);
/// gate = activation(gate) * up, n elements.
void gated(float* gate, const float* up, size_t n, Activation kind);
void activate_plain(float* x, size_t n, Activation kind);

/// Keys and values of one sequence in one layer, as pages of `page_tokens` positions. A page holds [kv_heads,
/// page_tokens] rows of head_dim numbers (cache_rows.h) of keys and the same of values. Pages that lie behind every
/// window are not looked at and may be null.
struct PagedSequence {
  const std::byte* const* key_pages;
  const std::byte* const* value_pages;
};

struct AttentionShape {
  size_t heads, kv_heads, head_dim, page_tokens;
  float scale;           ///< of the scores
  int64_t window = 0;    ///< 0: all; w: position i sees j with i - w < j <= i
  float softcap = 0.0f;  ///< 0: none; c: scores become c tanh(score / c)
  /// Added to the scores, by head and position of the key, [heads, bias_stride]; null: none. Rows are
  /// readable to the next multiple of 16 positions.
  const float* bias = nullptr;
  size_t bias_stride = 0;
  CacheType cache = CacheType::F32;  ///< of keys and values; they are widened to float32, whatever it is
  size_t bias_token_stride = 0;      ///< from one token's bias to the next one's; 0: all have the same
  const int32_t* first = nullptr;    ///< [tokens], the first position that each token sees; null: the window says it
};

/// Attention of one query token each: token t belongs to sequence[t] and sees it up to position[t], whose key is
/// already in the cache; where positions of a sequence do not descend from token to token, nor may `first`. q, out:
/// [tokens, heads, head_dim] float32, row strides in elements. Softmax in float32.
void attention(const AttentionShape& shape, const float* q, size_t q_stride, const PagedSequence* sequence_of_token,
               const int32_t* position_of_token, size_t tokens, float* out, size_t out_stride);
void attention_plain(const AttentionShape& shape, const float* q, size_t q_stride,
                     const PagedSequence* sequence_of_token, const int32_t* position_of_token, size_t tokens,
                     float* out, size_t out_stride);

}  // namespace limpid::kernels
