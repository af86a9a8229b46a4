// Any text as a tokenizer.json, and its tokenizer on a text.
#include "fuzz/support.h"
#include "fuzz/use_tokenizer.h"
#include "limpid/tokenizers/tokenizer_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  const std::string_view text = fuzzing::text_of(data, size);
  fuzzing::attempt([&] { fuzzing::use_tokenizer(parse_tokenizer_json(text, "file", {}), fuzzing::kText); });
  return 0;
}
