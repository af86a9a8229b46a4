// Any bytes as a GGUF file, and its tokenizer on a text.
#include "fuzz/support.h"
#include "fuzz/use_tokenizer.h"
#include "limpid/tokenizers/tokenizer_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  fuzzing::attempt([&] {
    const auto file = GgufFile::parse(std::as_bytes(std::span(data, size)), "file");
    fuzzing::use_tokenizer(read_gguf_tokenizer(*file), fuzzing::kText);
  });
  return 0;
}
