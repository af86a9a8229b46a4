#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "limpid/tokenizers/model.h"
#include "limpid/tokenizers/string_index.h"

namespace limpid {

/// Pair of ids to the merge that joins them: open addressing, built once.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank;
    TokenId joined;
  };
  explicit MergeTable(size_t merges = 0);
  void insert(TokenId left, TokenId right, Merge merge);  ///< a pair inserted twice keeps the later merge
  const Merge* find(TokenId left, TokenId right) const;

 private:
  struct Slot {
    uint64_t key;
    Merge merge;
  };
  static uint64_t key_of(TokenId left, TokenId right) { return (uint64_t(uint32_t(left)) << 32 | uint32_t(right)) + 1; }
  std::vector<Slot> slots_;
};

/// Byte-pair encoding by merge ranks (Sennrich et al. 2016, arXiv:1508.07909): over bytes, or over characters with
/// bytes as the fallback.
class BpeModel final : public PieceModel {
 public:
  struct Options {
    bool bytes = false;          ///< the alphabet is the 256 bytes
    bool byte_fallback = false;  ///< unknown characters become the tokens <0x00> … <0xFF>
    bool fuse_unknown = false;   ///< neighbouring unknown characters become one unknown token
    bool ignore_merges = false;  ///< a piece that is a token is that token, whatever the merges say
    TokenId unknown = -1;        ///< -1: unknown characters are left out
    std::string continuation;    ///< in front of the names of what does not start a piece (##)
    std::string word_end;        ///< at the end of the names of what ends a piece (</w>)
  };
  struct Rule {
    TokenId left, right, joined;
  };  ///< in order of rank

  /// @param tokens  spellings by id; bytes when `options.bytes`. Empty ones are not in the model's vocabulary.
  BpeModel(const std::vector<std::string>& tokens, const std::vector<Rule>& rules, const Options& options);

  void encode(std::string_view piece, TokenIds& out) const override;
  bool may_join(std::string_view left, std::string_view right) const override;

 private:
  void merge_piece(std::string_view piece, TokenIds& out) const;
  void start_symbols(std::string_view piece, TokenIds& symbols) const;
  bool has_affixes() const { return !options_.continuation.empty() || !options_.word_end.empty(); }
  TokenId with_affixes(std::string_view character, bool first, bool last) const;

  Options options_;
  std::vector<std::string> tokens_;
  StringIndex index_;
  std::array<TokenId, 256> byte_ids_{};
  MergeTable merges_;
  bool merges_fallback_ = false;  // some merge joins a fallback byte
  std::unordered_set<uint64_t> joined_characters_;
};

}  // namespace limpid
