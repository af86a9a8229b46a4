#pragma once

#include <cstdint>

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

}  // namespace limpid
