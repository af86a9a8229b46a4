#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/tokenizers/added_tokens.h"
#include "limpid/tokenizers/pipeline.h"
#include "limpid/tokenizers/sentencepiece.h"
#include "limpid/tokenizers/token_types.h"

namespace limpid {

/// A SentencePiece vocabulary as a file gives it.
struct SentencePieceParts {
  std::string place;  // begins every error
  std::shared_ptr<TokenTable> tokens = std::make_shared<TokenTable>();
  std::vector<int64_t> types;
  std::vector<double> scores;
  std::vector<TokenId> bytes;  // 256 ids, or none
  std::optional<TokenId> unknown;
  bool unigram = false;  // else BPE
  bool add_space_prefix = true;
  bool collapse_spaces = false;                            // SentencePiece's remove_extra_whitespaces
  std::shared_ptr<const CharacterMap> character_map = {};  // rules of normalisation, if there are any
  bool splits_unused = false;                              // of BPE: unused pieces that are left are split again
  std::vector<AddedToken> added = {};                      // what the files beside a model name
  bool split_special = false;                              // special ones of them are not looked for

  /// Adds the next token. @throws FormatError for a byte token that is not named <0xNN>, or an unknown type.
  void add(std::string_view name, int64_t type);
  /// Takes over tokens that the files beside a model name. Those behind the last piece become tokens of the table, and
  /// special ones are special there.
  void add_named(std::vector<AddedToken> tokens, bool split_special);
};

/// Makes the tokenizer. @param parts  with the special tokens filled in
std::shared_ptr<const Tokenizer> make_sentencepiece(SentencePieceParts pieces, PipelineParts parts);

}  // namespace limpid
