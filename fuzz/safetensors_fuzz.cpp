// Any bytes as a safetensors file.
#include "fuzz/support.h"
#include "limpid/checkpoints/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  fuzzing::attempt(
      [&] { fuzzing::read_tensors(*SafetensorsFile::parse(std::as_bytes(std::span(data, size)), "file")); });
  return 0;
}
