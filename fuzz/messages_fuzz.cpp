// Any text as a conversation, and as a row of messages for `limpid tokenize`, whose template is its own.
#include <sstream>

#include "fuzz/support.h"
#include "limpid/data/rows.h"
#include "limpid/tokenizers/chat.h"
#include "limpid/tokenizers/tokenize_file.h"
#include "limpid/tokenizers/tokenizer_files.h"

namespace {

constexpr const char* kTokenizer = R"({"added_tokens": [{"id": 2, "content": "<e>", "special": true}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "merges": [], "vocab": {"a": 0, "b": 1}}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const auto tokenizer = parse_tokenizer_json(kTokenizer, "tokenizer", {});
  const std::string_view text = fuzzing::text_of(data, size);
  if (text.starts_with('[')) {
    fuzzing::attempt([&] { parse_conversation(text, "file"); });
    return 0;
  }
  fuzzing::attempt([&] {
    const Json row = parse_json_line(text, "file:1");
    std::ostringstream out;
    tokenize_row(*tokenizer, row, text, "file:1", true, row.contains("ids"), out);
  });
  return 0;
}
