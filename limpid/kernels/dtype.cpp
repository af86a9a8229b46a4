#include "limpid/kernels/dtype.h"

#include <cstring>
#include <iterator>

#include "limpid/core/error.h"
#include "limpid/core/float8.h"
#include "limpid/core/half.h"
#include "limpid/kernels/blocks.h"

namespace limpid {
namespace {

// In the order of the enumeration.
constexpr DTypeInfo kInfos[] = {
    {"F32", 1, 4},       {"F16", 1, 2},        {"BF16", 1, 2},      {"F8_E4M3", 1, 1},    {"F8_E5M2", 1, 1},
    {"F64", 1, 8},       {"I8", 1, 1},         {"I16", 1, 2},       {"I32", 1, 4},        {"I64", 1, 8},
    {"U8", 1, 1},        {"BOOL", 1, 1},       {"Q4_0", 32, 18},    {"Q4_1", 32, 20},     {"Q5_0", 32, 22},
    {"Q5_1", 32, 24},    {"Q8_0", 32, 34},     {"Q2_K", 256, 84},   {"Q3_K", 256, 110},   {"Q4_K", 256, 144},
    {"Q5_K", 256, 176},  {"Q6_K", 256, 210},   {"IQ4_NL", 32, 18},  {"IQ4_XS", 256, 136}, {"IQ1_S", 256, 50},
    {"IQ1_M", 256, 56},  {"IQ2_XXS", 256, 66}, {"IQ2_XS", 256, 74}, {"IQ2_S", 256, 82},   {"IQ3_XXS", 256, 98},
    {"IQ3_S", 256, 110}, {"TQ1_0", 256, 54},   {"TQ2_0", 256, 66},  {"Q1_0", 128, 18},    {"MXFP4", 32, 17},
    {"NVFP4", 64, 36},
};
static_assert(std::size(kInfos) == size_t(DType::NVFP4) + 1);

template <class T>
T load(const void* data, size_t index) {  // files promise no alignment
  T value;
  std::memcpy(&value, static_cast<const char*>(data) + index * sizeof(T), sizeof(T));
  return value;
}

void dequantize_blocks(DType type, const std::byte* data, size_t blocks, float* out) {
  const kernels::BlockTraits& traits = kernels::block_traits(type);
  const DTypeInfo& layout = info(type);
  kernels::DecodedBlock decoded;
  for (size_t b = 0; b < blocks; ++b, data += layout.block_bytes) {
    kernels::decode_block(type, data, decoded);
    for (size_t i = 0; i < layout.block_elements; ++i) {
      const float value = decoded.scale[i / traits.group] * float(decoded.code[i]);
      *out++ = traits.has_min ? value + decoded.min[i / traits.group] : value;
    }
  }
}

}  // namespace

const DTypeInfo& info(DType type) {
  LIMPID_CHECK(size_t(type) < std::size(kInfos), ShapeError, "[dtype] there is no type number ", int(type));
  return kInfos[size_t(type)];
}

std::optional<DType> dtype_named(std::string_view name) {
  for (size_t i = 0; i < std::size(kInfos); ++i)
    if (name == kInfos[i].name) return DType(i);
  return std::nullopt;
}

bool is_floating(DType type) { return type <= DType::F64; }

size_t byte_size(DType type, size_t elements) {
  const DTypeInfo& layout = info(type);
  LIMPID_CHECK(elements % layout.block_elements == 0, ShapeError, "[dtype] ", elements, " elements of ", layout.name,
               " are no whole blocks of ", layout.block_elements);
  size_t bytes = 0;
  LIMPID_CHECK(!__builtin_mul_overflow(elements / layout.block_elements, layout.block_bytes, &bytes), ShapeError,
               "[dtype] ", elements, " elements of ", layout.name, " do not fit in memory");
  return bytes;
}

void dequantize(DType type, const void* data, size_t elements, float* out) {
  if (is_quantised(type)) {
    byte_size(type, elements);  // whole blocks, or an error
    return dequantize_blocks(type, static_cast<const std::byte*>(data), elements / info(type).block_elements, out);
  }
  switch (type) {
    case DType::F32:
      if (elements) std::memcpy(out, data, elements * sizeof(float));
      return;
    case DType::F16:
      for (size_t i = 0; i < elements; ++i) out[i] = f16_to_float(load<uint16_t>(data, i));
      return;
    case DType::BF16:
      for (size_t i = 0; i < elements; ++i) out[i] = bf16_to_float(load<uint16_t>(data, i));
      return;
    case DType::F8_E4M3:
      for (size_t i = 0; i < elements; ++i) out[i] = f8_e4m3_to_float(load<uint8_t>(data, i));
      return;
    case DType::F8_E5M2:
      for (size_t i = 0; i < elements; ++i) out[i] = f8_e5m2_to_float(load<uint8_t>(data, i));
      return;
    case DType::F64:
      for (size_t i = 0; i < elements; ++i) out[i] = float(load<double>(data, i));
      return;
    default:
      throw ShapeError(concat("[dtype] ", info(type).name, " holds integers; expected floating numbers or blocks"));
  }
}

}  // namespace limpid
