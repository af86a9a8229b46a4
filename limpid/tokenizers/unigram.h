#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "limpid/tokenizers/byte_trie.h"
#include "limpid/tokenizers/model.h"

namespace limpid {

/// Unigram language model (Kudo 2018, arXiv:1804.10959): of all ways to write a piece in tokens, the one whose scores
/// add up highest. One pass from the left (Viterbi), linear in the length of the piece.
class UnigramModel final : public PieceModel {
 public:
  struct Options {
    TokenId unknown = -1;        ///< for characters without a token, one for a run of them; -1 leaves them out
    std::vector<TokenId> bytes;  ///< 256 ids that write such characters in bytes, or none
    double unknown_score = 0;    ///< score of such a character, far below the tokens'
    bool single_precision =
        false;  ///< paths are compared in float32 as SentencePiece does; the tokenizers library in float64
  };
  /// @param entries  spellings and ids; no empty ones
  /// @param scores  by id, finite
  UnigramModel(std::vector<std::pair<std::string_view, TokenId>> entries, std::vector<double> scores, Options options);

  void encode(std::string_view piece, TokenIds& out) const override { encode_behind(piece, 0, out); }
  /// Knows of borders in front of a space or its mark.
  bool may_join(std::string_view left, std::string_view right) const override;
  double score(std::string_view piece, double before) const override;
  void encode_behind(std::string_view piece, double before, TokenIds& out) const override;

 private:
  struct Step;
  std::vector<Step>& best_steps(std::string_view piece, double before) const;
  void append_unknown(std::string_view text, TokenIds& out) const;

  Options options_;
  ByteTrie trie_;
  std::vector<double> scores_;
  std::unordered_set<char32_t> joins_following_space_;  // characters x for which some token holds x and then a space
  bool has_space_ = false, has_mark_ = false;           // as tokens by themselves
};

}  // namespace limpid
