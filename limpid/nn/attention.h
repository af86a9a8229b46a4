#pragma once

#include "limpid/nn/pass.h"

/// Scaled dot-product attention over the caches of a pass, with grouped-query heads and sliding windows.
namespace limpid::nn {

struct AttentionSpec {
  int64_t heads, kv_heads, head_dim;
  double scale;          ///< of the scores, usually head_dim^-0.5
  int64_t window = 0;    ///< 0: all; w: position i sees j with i - w < j <= i
  int64_t ahead = 0;     ///< with a window, where whole texts are seen: position i sees j up to i + ahead as well
  double softcap = 0.0;  ///< 0: none
  Tensor bias = {};  ///< [heads, at least the text's length to the next multiple of 16], added to the scores by head
                     ///< and position of the key, or [N, heads, …], for each token; undefined: none
};

/// Inference: writes k and v into the caches of `layer`, then lets each token attend to its sequence up to attend_to.
/// Dense passes: LibTorch's causal attention over [B, T].
/// @param q  [N, heads * head_dim]   @param k, v  [N, kv_heads * head_dim]; rows may be slices of a wider tensor
/// @return   [N, heads * head_dim], the heads' outputs side by side
Tensor attention(const AttentionSpec& spec, const Tensor& q, const Tensor& k, const Tensor& v, int64_t layer,
                 const Pass& pass);

}  // namespace limpid::nn
