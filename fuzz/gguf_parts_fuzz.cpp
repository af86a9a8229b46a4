// Two files as the parts of a model in GGUF, opened by the first.
#include "fuzz/support.h"
#include "limpid/checkpoints/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const fuzzing::Folder folder;
  const auto parts = fuzzing::files_of(fuzzing::text_of(data, size), 2);
  const fs::path first = folder.write("model-00001-of-00002.gguf", parts[0]);
  folder.write("model-00002-of-00002.gguf", parts[1]);
  fuzzing::attempt([&] { fuzzing::read_tensors(*GgufFile::open(first)); });
  return 0;
}
