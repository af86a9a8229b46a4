#pragma once

#include <torch/types.h>

#include <span>
#include <vector>

#include "limpid/core/types.h"
#include "limpid/nn/kv_cache.h"

/// Which tokens go through the network together, and where each of them stands.
namespace limpid::nn {

using torch::Tensor;

/// Tokens that follow what `cache` already holds.
struct Sequence {
  KvCache* cache;
  std::span<const TokenId> tokens;
};

/// One forward pass over N tokens of one or more sequences, flattened: sequence s owns tokens [offset[s], offset[s +
/// 1]). Inference passes write and read the caches; a dense pass (training) has B rows of T tokens and no cache.
class Pass {
 public:
  /// @param bidirectional  every token sees its whole sequence (encoders), rather than what stands before it
  explicit Pass(std::span<const Sequence> sequences, bool bidirectional = false);
  /// @param ids  [B, T] int64. Rows shorter than T are padded on the right: causal attention never looks there.
  static Pass dense(const Tensor& ids);

  int64_t size() const { return int64_t(tokens.size()); }
  bool is_dense() const { return dense_time > 0; }
  /// After the last layer: the caches hold these tokens from now on.
  void commit();

  std::vector<TokenId> tokens;     ///< [N]
  std::vector<int32_t> positions;  ///< [N], from 0 in each sequence
  std::vector<int32_t> attend_to;  ///< [N], last position that a token sees
  std::vector<int64_t> offset;     ///< [sequences + 1]
  std::vector<Sequence> sequences;
  int64_t dense_batch = 0, dense_time = 0;
  Tensor dense_ids;  ///< [N] int64 in a dense pass

 private:
  Pass() = default;
};

}  // namespace limpid::nn
