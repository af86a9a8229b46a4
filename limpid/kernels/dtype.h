#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Element and block types of stored tensors. Names are those of GGUF and safetensors; the former has no 8-bit floating
/// numbers, the latter no blocks.
namespace limpid {

enum class DType : uint8_t {
  F32,
  F16,
  BF16,
  F8_E4M3,
  F8_E5M2,
  F64,
  I8,
  I16,
  I32,
  I64,
  U8,
  Bool,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ4_NL,
  IQ4_XS,
  IQ1_S,
  IQ1_M,
  IQ2_XXS,
  IQ2_XS,
  IQ2_S,
  IQ3_XXS,
  IQ3_S,
  TQ1_0,
  TQ2_0,
  Q1_0,
  MXFP4,
  NVFP4,
};

struct DTypeInfo {
  const char* name;       ///< "F32", "Q4_1", …
  size_t block_elements;  ///< 1 for plain types, 32 to 256 for blocks
  size_t block_bytes;     ///< bytes of one block
};

const DTypeInfo& info(DType type);
std::optional<DType> dtype_named(std::string_view name);  ///< null for a name that is none
inline bool is_quantised(DType type) { return info(type).block_elements > 1; }
/// Returns whether elements are floating numbers one by one.
bool is_floating(DType type);

/// A tensor as it lies in a mapped file: rows of `shape.back()` elements, C order (GGUF dimensions reversed). Does not
/// own.
struct TensorView {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;

  int64_t elements() const {
    int64_t product = 1;
    for (int64_t size : shape) product *= size;
    return product;
  }
};

/// Bytes of `elements` elements; `elements` must be a multiple of the block size.
size_t byte_size(DType type, size_t elements);

/// out[i] = the float32 value that element i stands for (d * q + m with ggml's definitions). Accepts every floating
/// and block type. @param elements a multiple of the block size. @throws ShapeError for integer types.
void dequantize(DType type, const void* data, size_t elements, float* out);

}  // namespace limpid
