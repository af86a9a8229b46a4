#include "limpid/decoding/prompts.h"

#include "limpid/core/error.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

TokenIds prompt_ids(const Tokenizer& tokenizer, const std::string& text) {
  TokenIds ids = tokenizer.encode(text, true);
  if (ids.empty()) {
    const auto start = tokenizer.bos() ? tokenizer.bos() : tokenizer.eos();
    LIMPID_CHECK(start, ConfigError, "the prompt is empty and the tokenizer has no token that begins a text");
    ids.push_back(*start);
  }
  return ids;
}

std::string continuation_text(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  std::string bytes;
  for (TokenId id : ids) bytes += tokenizer.token_bytes(id);
  return to_valid_utf8(bytes);
}

}  // namespace limpid
