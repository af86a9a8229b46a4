#include "fuzz/use_tokenizer.h"

#include <algorithm>

#include "fuzz/support.h"
#include "limpid/tokenizers/byte_stream.h"

namespace limpid::fuzzing {

constexpr size_t kMostTokens = 64;  // of a text whose incremental encoding is compared

void use_tokenizer(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text) {
  const TokenIds ids = tokenizer->encode(text, true);
  tokenizer->decode(ids, false);
  tokenizer->decode(ids, true);
  ByteAlignedStream stream(tokenizer, tokenizer);
  for (size_t i = 0; i < std::min(ids.size(), kMostTokens); ++i) stream.push(ids[i]);
  if (stream.ids() != tokenizer->encode(stream.text(), false))
    finding("a text that grows has other ids than at once: " + std::string(text));
}

}  // namespace limpid::fuzzing
