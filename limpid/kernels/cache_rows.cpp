#include "limpid/kernels/cache_rows.h"

#include <algorithm>
#include <cstring>

#include "limpid/core/half.h"
#include "limpid/kernels/dtype.h"
#include "limpid/kernels/quantize.h"

namespace limpid::kernels {
namespace {

constexpr size_t kBlock = 32;

size_t padded(size_t width) { return (width + kBlock - 1) / kBlock * kBlock; }

DType stored_type(CacheType type) { return type == CacheType::BF16 ? DType::BF16 : DType::Q8_0; }

}  // namespace

size_t cache_row_bytes(CacheType type, size_t width) {
  return type == CacheType::F32 ? width * sizeof(float) : byte_size(stored_type(type), padded(width));
}

void write_cache_row(CacheType type, const float* numbers, size_t width, std::byte* row) {
  if (type == CacheType::F32) {
    std::memcpy(row, numbers, width * sizeof(float));
    return;
  }
  for (size_t first = 0; first < width; first += kBlock) {
    float block[kBlock] = {};
    std::copy_n(numbers + first, std::min(kBlock, width - first), block);
    std::byte* const at = row + byte_size(stored_type(type), first);
    if (type == CacheType::Q8) {
      quantize_q8_0(block, kBlock, at);
      continue;
    }
    uint16_t rounded[kBlock];
    std::transform(block, block + kBlock, rounded, float_to_bf16);
    std::memcpy(at, rounded, sizeof rounded);
  }
}

void read_cache_row(CacheType type, const std::byte* row, size_t width, float* numbers) {
  if (type == CacheType::F32) {
    std::memcpy(numbers, row, width * sizeof(float));
    return;
  }
  const DType stored = stored_type(type);
  for (size_t first = 0; first < width; first += kBlock) {
    float block[kBlock];
    dequantize(stored, row + byte_size(stored, first), kBlock, block);
    std::copy_n(block, std::min(kBlock, width - first), numbers + first);
  }
}

}  // namespace limpid::kernels
