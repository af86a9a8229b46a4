// The first byte chooses what the rest is: a tokenizer.json, a GGUF file, a conversation, or a text for a small
// tokenizer. Errors of the library are the expected outcome; anything else is a finding.
#include <cstdlib>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/error.h"
#include "limpid/tokenizers/byte_stream.h"
#include "limpid/tokenizers/chat.h"
#include "limpid/tokenizers/tokenizer_files.h"

namespace {

constexpr const char* kSmall = R"({
  "added_tokens": [{"id": 9, "content": "<e>", "special": true, "lstrip": true}],
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "merges": ["a b", "Ġ ab", "Ċ Ċ"],
            "vocab": {"a": 0, "b": 1, "'": 2, "Ġ": 3, "ab": 4, "Ġab": 5, "Ċ": 6, "ĊĊ": 7, "Ã": 8}}})";

void use(const std::shared_ptr<const limpid::Tokenizer>& tokenizer, std::string_view text) {
  const limpid::TokenIds ids = tokenizer->encode(text, true);
  tokenizer->decode(ids, false);
  limpid::ByteAlignedStream stream(tokenizer, tokenizer);
  limpid::TokenIds given;
  for (size_t i = 0; i < ids.size() && i < 64; ++i) stream.push(ids[i]);
  if (stream.ids() != tokenizer->encode(stream.text(), false)) std::abort();  // the fast form must equal the definition
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0: use(limpid::parse_tokenizer_json(rest, "fuzz", {}), "It's ab  ab\n\n<e> \xc3\xa9 12"); break;
      case 1: {
        const auto file = limpid::GgufFile::parse(std::as_bytes(std::span(rest.data(), rest.size())), "fuzz");
        use(limpid::read_gguf_tokenizer(*file), "It's ab  ab\n\n<e> \xc3\xa9 12");
        break;
      }
      case 2: limpid::parse_conversation(rest, "fuzz"); break;
      default: {
        static const auto small = limpid::parse_tokenizer_json(kSmall, "small", {});
        use(small, rest);
      }
    }
  } catch (const limpid::Error&) {
  }
  return 0;
}
