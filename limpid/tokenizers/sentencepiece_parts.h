#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/tokenizers/pipeline.h"
#include "limpid/tokenizers/sentencepiece.h"

namespace limpid {

/// Kinds of tokens, numbered alike in GGUF (gguf-py's TokenType) and in SentencePiece's model files.
enum TokenType : int64_t {
  kNormalToken = 1,
  kUnknownToken = 2,
  kControlToken = 3,
  kUserDefinedToken = 4,
  kUnusedToken = 5,
  kByteToken = 6,
};

/// A SentencePiece vocabulary as a file gives it.
struct SentencePieceParts {
  std::string place;  // begins every error
  std::shared_ptr<TokenTable> tokens = std::make_shared<TokenTable>();
  std::vector<bool> mergeable;
  std::vector<double> scores;
  std::vector<AddedToken> user_defined;
  std::vector<TokenId> bytes;  // 256 ids, or none
  std::optional<TokenId> unknown;
  bool add_space_prefix = true;

  /// Adds the next token. @throws FormatError for a byte token that is not named <0xNN>, or an unknown type.
  void add(std::string_view name, int64_t type);
};

/// Makes the tokenizer. @param parts  with the special tokens filled in
std::shared_ptr<const Tokenizer> make_sentencepiece(SentencePieceParts pieces, PipelineParts parts);

}  // namespace limpid
