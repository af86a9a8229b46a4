#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "limpid/decoding/row.h"
#include "limpid/decoding/streams.h"

/// A model that reads along with the rows of a Generator: a helper, or the target itself behind another text.
namespace limpid {

using torch::Tensor;

/// For every row the companion has a cache of its own (Note [One cache per model] in nn/kv_cache.h) and sees the full
/// text at every step: the released code fed it the newest token alone, without a past (methods.md 1.6 item 1).
class Companion {
 public:
  /// @param keep_heads  head outputs at the last id are kept for heads()
  /// @param change      sees and edits what the companion computes, as if it were part of the model; may be null
  explicit Companion(std::shared_ptr<const Model> model, bool keep_heads = false,
                     std::shared_ptr<ActivationHook> change = nullptr)
      : model_(std::move(model)),
        keep_heads_(keep_heads),
        change_(std::move(change)) {}

  void admit(RowId row);
  void fork(RowId from, RowId to);  ///< shares the cache pages of `from` until one of the two writes
  void release(RowId row) { rows_.erase(row); }

  struct Text {
    RowId row;
    std::span<const TokenId> ids;
  };  ///< all ids of a row so far, at least one
  /// State after the final norm at the last id of each text, [texts, D1]. Only ids that differ from what a row's cache
  /// holds are computed, all rows together in passes of a few thousand tokens: where the texts disagree the cache goes
  /// back to the last common token.
  Tensor states(std::span<const Text> texts);
  Tensor states(std::span<const Row* const> rows);  ///< of the rows' texts so far
  /// The same for a companion that is the target itself, without its heads: what is to be read, for the target's own
  /// pass. After it states() knows the texts. None when they are so many that states() would split them. @param ids  of
  /// each row
  Streams streams(std::span<const RowId> rows, std::vector<TokenIds> ids);
  Streams streams(std::span<const Row* const> rows);
  /// Input of each layer's attention output projection at the last id that states() read, [L, heads * head_dim].
  const Tensor& heads(RowId row) const { return rows_.at(row).heads; }
  /// What states() has read of a row. A copy is a fork: it can read on by itself, and the row stays as it is.
  const nn::KvCache& cache(RowId row) const { return rows_.at(row).cache; }

  const Model& model() const { return *model_; }
  uint64_t tokens_read() const { return tokens_read_; }  ///< computed so far, over all rows

 private:
  struct RowState {
    nn::KvCache cache;
    TokenIds ids;  // what the cache holds
    Tensor state;  // [D1], at the last of them
    Tensor heads;  // [L, H * K] there, where they are kept
  };
  /// What a row's cache lacks of its text.
  struct Unread {
    RowState* row;
    std::span<const TokenId> tokens;
  };
  /// Of the texts whose state is not known, once their rows have gone back to where cache and text agree.
  std::vector<Unread> unread(std::span<const Text> texts);
  void has_read(const Unread& text, Tensor state);

  std::shared_ptr<const Model> model_;
  bool keep_heads_;
  std::shared_ptr<ActivationHook> change_;
  std::unordered_map<RowId, RowState> rows_;
  uint64_t tokens_read_ = 0;
};

}  // namespace limpid
