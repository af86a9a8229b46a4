#include <cstring>
#include <vector>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/json_guard.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"

/// Any bytes as a safetensors file, a GGUF file and a config.json: an Error or an object whose tensors can be
/// read to the last byte, and nothing else.
namespace {

using namespace limpid;

/// What a caller may rely on: data as long as type and shape say, readable from end to end.
void check_tensors(const Checkpoint& checkpoint) {
  for (const TensorView& tensor : checkpoint.tensors()) {
    if (tensor.data.size() != byte_size(tensor.dtype, size_t(tensor.elements()))) __builtin_trap();
    if (checkpoint.find(tensor.name) != &tensor) __builtin_trap();
    const bool whole = tensor.dtype == DType::Bool || tensor.dtype == DType::U8 || tensor.dtype == DType::I8 ||
                       tensor.dtype == DType::I16 || tensor.dtype == DType::I32 || tensor.dtype == DType::I64;
    if (whole)
      to_integers(tensor);
    else
      to_floats(tensor);
  }
}

template <class Action>
void attempt(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    if (std::strchr(error.what(), '\n')) __builtin_trap();  // one line, whatever the names in the file
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  attempt([&] { check_tensors(*SafetensorsFile::parse(bytes, "fuzz")); });
  attempt([&] {
    const auto file = GgufFile::parse(bytes, "fuzz");
    check_tensors(*file);
    config_from_gguf(*file);
  });
  attempt([&] {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    config_from_huggingface(parse_guarded_json(text, "fuzz"), Json(), "fuzz");
  });
  return 0;
}
