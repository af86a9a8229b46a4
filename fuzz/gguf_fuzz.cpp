// Any bytes as a GGUF file: its tensors, and the model's config.
#include "fuzz/support.h"
#include "limpid/checkpoints/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  std::shared_ptr<const GgufFile> file;
  if (!fuzzing::attempt([&] { file = GgufFile::parse(std::as_bytes(std::span(data, size)), "file"); })) return 0;
  fuzzing::read_tensors(*file);
  fuzzing::attempt([&] { config_from_gguf(*file); });
  return 0;
}
