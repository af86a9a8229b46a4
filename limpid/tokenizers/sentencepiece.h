#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "limpid/tokenizers/model.h"
#include "limpid/tokenizers/string_index.h"
#include "limpid/tokenizers/token_table.h"

namespace limpid {

/// SentencePiece's BPE (Kudo & Richardson 2018, arXiv:1808.06226; src/bpe_model.cc): of the neighbours that are a token
/// together, the pair with the highest score is joined first. Texts are given with spaces for U+2581.
class SentencePieceModel final : public PieceModel {
 public:
  struct Options {
    TokenId unknown = -1;        ///< for characters without a token where there is no byte fallback; -1 leaves them out
    std::vector<TokenId> bytes;  ///< 256 ids for byte fallback, or none
    /// By id, or none: tokens that others are made of, but that are split into their parts again where they are left.
    std::vector<bool> unused;
  };
  /// @param tokens  what they stand for, spaces for U+2581
  /// @param mergeable  by id: false for special, byte and user-defined tokens
  /// @param scores  by id, finite
  SentencePieceModel(std::shared_ptr<const TokenTable> tokens, const std::vector<bool>& mergeable,
                     const std::vector<double>& scores, Options options);

  void encode(std::string_view piece, TokenIds& out) const override;
  bool may_join(std::string_view left, std::string_view right) const override;

 private:
  void encode_word(std::string_view word, TokenIds& out) const;
  bool is_unused(TokenId id) const { return !options_.unused.empty() && options_.unused[size_t(id)]; }

  void find_borders() const;

  std::shared_ptr<const TokenTable> tokens_;
  Options options_;
  StringIndex index_;
  std::vector<uint32_t> rank_;                          // by id, 0 for the highest score; equal scores share a rank
  size_t longest_ = 0;                                  // bytes of the longest token
  std::unordered_set<char32_t> joins_following_space_;  // characters x for which some token holds x and then a space
  // Neighbouring characters inside tokens, as a bitmap over hashes; made when may_join is first asked.
  mutable std::once_flag borders_found_;
  mutable std::vector<uint64_t> borders_;
};

}  // namespace limpid
