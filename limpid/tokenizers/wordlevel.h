#pragma once

#include <string>
#include <vector>

#include "limpid/tokenizers/model.h"
#include "limpid/tokenizers/string_index.h"

namespace limpid {

/// A token for each piece that is in the vocabulary, the unknown token for each that is not.
class WordLevelModel final : public PieceModel {
 public:
  /// @param tokens   spellings by id, empty ones are no tokens
  /// @param unknown  -1 leaves unknown pieces out
  WordLevelModel(std::vector<std::string> tokens, TokenId unknown) : tokens_(std::move(tokens)), unknown_(unknown) {
    index_.reserve(tokens_.size());
    for (size_t id = 0; id < tokens_.size(); ++id)
      if (!tokens_[id].empty()) index_.insert(tokens_[id], TokenId(id));
  }

  void encode(std::string_view piece, TokenIds& out) const override {
    const TokenId id = index_.find(piece);
    if (id >= 0 || unknown_ >= 0) out.push_back(id >= 0 ? id : unknown_);
  }

 private:
  std::vector<std::string> tokens_;
  StringIndex index_;
  TokenId unknown_;
};

}  // namespace limpid
