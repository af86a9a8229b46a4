#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "limpid/decoding/row.h"
#include "limpid/models/model.h"

/// A helper model that reads along with the rows of a Generator.
namespace limpid {

using torch::Tensor;

/// For every row the helper has a cache of its own (Note [One cache per model] in nn/kv_cache.h) and sees the full text at
/// every step: the released code fed it the newest token alone, without a past (methods.md 1.6 item 1).
class Companion {
 public:
  explicit Companion(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

  void admit(RowId row);
  void fork(RowId from, RowId to);      ///< shares the cache pages of `from` until one of the two writes
  void release(RowId row) { rows_.erase(row); }

  struct Text { RowId row; std::span<const TokenId> ids; };   ///< all ids of a row so far, at least one
  /// State after the final norm at the last id of each text, [texts, D1]. Only ids that differ from what a row's cache holds are
  /// computed, all rows in one pass: where the texts disagree the cache goes back to the last common token.
  Tensor states(std::span<const Text> texts);

  const Model& model() const { return *model_; }
  uint64_t tokens_read() const { return tokens_read_; }       ///< computed so far, over all rows

 private:
  struct RowState {
    nn::KvCache cache;
    TokenIds ids;                       // what the cache holds
    Tensor state;                       // [D1], at the last of them
  };
  std::shared_ptr<const Model> model_;
  std::unordered_map<RowId, RowState> rows_;
  uint64_t tokens_read_ = 0;
};

}  // namespace limpid
