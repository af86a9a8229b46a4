#pragma once

#include <string>
#include <vector>

#include "limpid/tokenizers/model.h"
#include "limpid/tokenizers/string_index.h"

namespace limpid {

/// Greedy longest match from the left (Wu et al. 2016, arXiv:1609.08144; Devlin et al. 2018, tokenization.py).
class WordPieceModel final : public PieceModel {
 public:
  struct Options {
    TokenId unknown = 0;              ///< for a word that cannot be put together
    size_t longest_word = 100;        ///< in characters; longer words are unknown
    std::string continuation = "##";  ///< in front of the names of tokens that continue a word
  };
  /// @param tokens  names by id; empty ones are no tokens
  WordPieceModel(const std::vector<std::string>& tokens, const Options& options);
  void encode(std::string_view word, TokenIds& out) const override;

 private:
  Options options_;
  std::vector<std::string> tokens_;
  StringIndex starts_, continuations_;
  size_t longest_ = 0;  // bytes of the longest token
};

}  // namespace limpid
