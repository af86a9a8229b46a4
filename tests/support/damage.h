#pragma once

#include <cstring>
#include <string>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/half.h"

namespace limpid::testing_support {

/// Writes a copy of a safetensors file in which one number of one tensor is another, in place of the original: in
/// blocks of Q8_0, the first scale. The tensor is float32, float16, bfloat16, or U8 that holds such blocks.
inline void overwrite_number(const fs::path& file, const std::string& tensor, float number) {
  std::string bytes = read_file(file);
  const auto parsed = SafetensorsFile::parse(std::as_bytes(std::span(bytes)), file.string());
  const TensorView& view = parsed->at(tensor);
  char* data = bytes.data() + (reinterpret_cast<const char*>(view.data.data()) - bytes.data());
  const uint16_t half = view.dtype == DType::BF16 ? float_to_bf16(number) : float_to_f16(number);
  if (view.dtype == DType::F32)
    std::memcpy(data, &number, sizeof number);
  else
    std::memcpy(data, &half, sizeof half);
  write_file(file, bytes);
}

}  // namespace limpid::testing_support
