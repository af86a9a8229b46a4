#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/types.h"
#include "limpid/tokenizers/token_types.h"

/// What the readers and the writer of vocabularies in GGUF files share. They throw FormatError with "[tokenizer] FILE:
/// …".
namespace limpid {

std::string place_of(const GgufFile& file);  ///< begins every error
const std::vector<std::string_view>& token_names(const GgufFile& file);
std::vector<int64_t> token_types(const GgufFile& file);  ///< by id; normal where the file does not say
std::optional<TokenId> special_id(const GgufFile& file, const char* key);
bool is_added_type(int64_t type);  ///< looked for in a text as a whole: control, unknown, user-defined

/// A WordPiece vocabulary. GGUF marks the start of a word with U+2581, vocab.txt continuations with ##.
struct GgufWordPiece {
  std::vector<std::string> names;  // as in vocab.txt; empty for added tokens
  TokenId unknown = 0, cls = 0, sep = 0;
  bool adds_cls = true, adds_sep = true;
  bool cased = false;  // made for text with capital letters
};
GgufWordPiece read_gguf_wordpiece(const GgufFile& file);

}  // namespace limpid
