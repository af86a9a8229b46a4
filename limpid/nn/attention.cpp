#include "limpid/nn/attention.h"

#include <algorithm>
#include <limits>

#include "limpid/core/error.h"
#include "limpid/kernels/ops.h"

namespace limpid::nn {
namespace {

/// Returns what is added to scores, [T, T] or [heads, T, T] with -inf where a token does not look; undefined where the
/// attention is causal and nothing else.
Tensor dense_mask(const AttentionSpec& spec, int64_t T, torch::ScalarType type) {
  const bool slides = spec.window > 0 && spec.window < T;
  if (!slides && !spec.bias.defined() && spec.softcap == 0.0) return {};
  const Tensor at = torch::arange(T), distance = at.unsqueeze(1) - at.unsqueeze(0);
  Tensor hidden = distance < 0;
  if (slides) hidden = hidden | (distance >= spec.window);
  const Tensor mask = torch::zeros({T, T}, type).masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  return spec.bias.defined() ? mask + spec.bias.narrow(1, 0, T).unsqueeze(1).to(type) : mask;
}

/// softmax(cap tanh(scale q k^T / cap) + mask) v in float32, [B, heads, T, head_dim].
Tensor capped_attention(const AttentionSpec& spec, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& mask) {
  const Tensor scores = torch::matmul(q, k.transpose(2, 3)).to(torch::kFloat32) * spec.scale;
  const Tensor capped = torch::tanh(scores / spec.softcap) * spec.softcap + mask.to(torch::kFloat32);
  return torch::matmul(torch::softmax(capped, -1).to(v.scalar_type()), v);
}

Tensor dense_attention(const AttentionSpec& spec, const Tensor& q, const Tensor& k, const Tensor& v, const Pass& pass) {
  const int64_t B = pass.dense_batch, T = pass.dense_time, groups = spec.heads / spec.kv_heads;
  const auto by_head = [&](const Tensor& x, int64_t heads) {
    return x.reshape({B, T, heads, spec.head_dim}).transpose(1, 2);
  };
  Tensor keys = by_head(k, spec.kv_heads), values = by_head(v, spec.kv_heads);
  if (groups > 1) {
    keys = keys.repeat_interleave(groups, 1);
    values = values.repeat_interleave(groups, 1);
  }
  const Tensor mask = dense_mask(spec, T, q.scalar_type()), queries = by_head(q, spec.heads);
  const auto out = spec.softcap > 0.0
                       ? capped_attention(spec, queries, keys, values, mask)
                       : torch::scaled_dot_product_attention(
                             queries, keys, values, mask.defined() ? std::optional<Tensor>(mask) : std::nullopt, 0.0,
                             /*is_causal=*/!mask.defined(), spec.scale);
  return out.transpose(1, 2).reshape({B * T, spec.heads * spec.head_dim});
}

void write_cache(const AttentionSpec& spec, const Tensor& k, const Tensor& v, int64_t layer, const Pass& pass) {
  const int64_t head_dim = spec.head_dim;
  const float *keys = k.const_data_ptr<float>(), *values = v.const_data_ptr<float>();
  for (size_t s = 0; s < pass.sequences.size(); ++s) {
    KvCache& cache = *pass.sequences[s].cache;
    const KvShape& shape = cache.pool()->shape();
    const size_t head_stride = shape.page_tokens * cache.pool()->row_bytes();
    for (int64_t t = pass.offset[s]; t < pass.offset[s + 1]; ++t) {
      const size_t position = size_t(pass.positions[size_t(t)]);
      std::byte *key = cache.key(size_t(layer), position), *value = cache.value(size_t(layer), position);
      for (int64_t h = 0; h < spec.kv_heads; ++h, key += head_stride, value += head_stride) {
        kernels::write_cache_row(shape.type, keys + t * k.stride(0) + h * head_dim, size_t(head_dim), key);
        kernels::write_cache_row(shape.type, values + t * v.stride(0) + h * head_dim, size_t(head_dim), value);
      }
    }
  }
}

/// The first and the last position that each token sees in a window with a part ahead; empty where there is none.
struct SeenPositions {
  std::vector<int32_t> first, last;
  SeenPositions(const AttentionSpec& spec, const Pass& pass) {
    if (spec.ahead == 0) return;
    for (size_t t = 0; t < pass.positions.size(); ++t) {
      const int64_t at = pass.positions[t];
      first.push_back(int32_t(std::max<int64_t>(0, at - spec.window + 1)));
      last.push_back(int32_t(std::min<int64_t>(pass.attend_to[t], at + spec.ahead)));
    }
  }
};

}  // namespace

Tensor attention(const AttentionSpec& spec, const Tensor& q, const Tensor& k, const Tensor& v, int64_t layer,
                 const Pass& pass) {
  if (pass.is_dense()) return dense_attention(spec, q, k, v, pass);
  write_cache(spec, k, v, layer, pass);

  // Page tables of this layer: one pointer per page and sequence.
  std::vector<const std::byte*> key_pages, value_pages;
  for (const Sequence& sequence : pass.sequences) {
    for (size_t page = 0; page < sequence.cache->pages(); ++page) {
      key_pages.push_back(sequence.cache->key_page(size_t(layer), page));
      value_pages.push_back(sequence.cache->value_page(size_t(layer), page));
    }
  }
  std::vector<kernels::PagedSequence> sequence_of_token;
  sequence_of_token.reserve(pass.tokens.size());
  size_t first_page = 0;
  for (size_t s = 0; s < pass.sequences.size(); ++s) {
    const kernels::PagedSequence table{key_pages.data() + first_page, value_pages.data() + first_page};
    sequence_of_token.insert(sequence_of_token.end(), size_t(pass.offset[s + 1] - pass.offset[s]), table);
    first_page += pass.sequences[s].cache->pages();
  }
  const KvShape* cached = pass.sequences.empty() ? nullptr : &pass.sequences[0].cache->pool()->shape();
  const SeenPositions seen(spec, pass);
  const bool has_bias = spec.bias.defined(), bias_by_token = has_bias && spec.bias.dim() == 3;
  const kernels::AttentionShape shape{
      .heads = size_t(spec.heads),
      .kv_heads = size_t(spec.kv_heads),
      .head_dim = size_t(spec.head_dim),
      .page_tokens = cached ? cached->page_tokens : 1,
      .scale = float(spec.scale),
      .window = spec.window,
      .softcap = float(spec.softcap),
      .bias = has_bias ? spec.bias.const_data_ptr<float>() : nullptr,
      .bias_stride = has_bias ? size_t(spec.bias.size(-1)) : 0,
      .cache = cached ? cached->type : CacheType::F32,
      .bias_token_stride = bias_by_token ? size_t(spec.bias.stride(0)) : 0,
      .first = spec.ahead > 0 ? seen.first.data() : nullptr,
  };
  Tensor out = torch::empty({q.size(0), spec.heads * spec.head_dim}, torch::kFloat32);
  kernels::attention(shape, q.const_data_ptr<float>(), size_t(q.stride(0)), sequence_of_token.data(),
                     (spec.ahead > 0 ? seen.last : pass.attend_to).data(), size_t(q.size(0)),
                     out.mutable_data_ptr<float>(), size_t(out.stride(0)));
  return out;
}

}  // namespace limpid::nn
