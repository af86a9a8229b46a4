// Any bytes as SentencePiece's ModelProto, and its tokenizer on a text.
#include "fuzz/support.h"
#include "fuzz/use_tokenizer.h"
#include "limpid/tokenizers/tokenizer_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  const std::string_view bytes = fuzzing::text_of(data, size);
  fuzzing::attempt([&] { fuzzing::use_tokenizer(parse_sentencepiece_file(bytes, "file", {}), fuzzing::kText); });
  return 0;
}
