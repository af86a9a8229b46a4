#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "limpid/kernels/dtype.h"

/// Numbers that GGUF files use for types; shared by reader and writer.
namespace limpid {

constexpr uint64_t kGgufAlignment = 32;  ///< when a file does not say

/// Type of a metadata value.
enum class GgufType : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64 };

/// Returns the fewest bytes that a value takes in the file; 0 for a number that is no type.
size_t size_of(GgufType type);

std::optional<DType> dtype_of_ggml(uint32_t ggml_type);
uint32_t ggml_type_of(DType type);  ///< @throws ConfigError for types GGUF does not have (U8, Bool, 8-bit floats)
std::string other_ggml_type(uint32_t ggml_type);  ///< name of a type that no model's file has: "Q8_K", "ggml type 99"

}  // namespace limpid
