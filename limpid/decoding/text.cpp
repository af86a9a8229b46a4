#include "limpid/decoding/text.h"

#include "limpid/tokenizers/unicode.h"

namespace limpid {

std::string continuation_text(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  std::string bytes;
  for (TokenId id : ids) bytes += tokenizer.token_bytes(id);
  return to_valid_utf8(bytes);
}

}  // namespace limpid
