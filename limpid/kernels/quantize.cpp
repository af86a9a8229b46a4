#include "limpid/kernels/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "limpid/core/error.h"
#include "limpid/core/half.h"
#include "limpid/kernels/quantize_k.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

void put_nibbles(const float* x, float inverse, float offset, std::byte* out) {
  for (int i = 0; i < 16; ++i) {
    const int low = nearest((x[i] - offset) * inverse, 0, 15), high = nearest((x[i + 16] - offset) * inverse, 0, 15);
    out[i] = std::byte(low | high << 4);
  }
}

/// The number of largest magnitude, with its sign, becomes the code -8.
void quantize_q4_0(const float* x, std::byte* out) {
  float largest = 0;
  for (int i = 0; i < 32; ++i)
    if (std::fabs(x[i]) > std::fabs(largest)) largest = x[i];
  const float d = f16_to_float(float_to_f16(largest / -8));
  put(out, float_to_f16(d));
  put_nibbles(x, d != 0 ? 1 / d : 0, -8 * d, out + 2);
}

void quantize_q4_1(const float* x, std::byte* out) {
  const auto [least, most] = std::minmax_element(x, x + 32);
  const float d = f16_to_float(float_to_f16((*most - *least) / 15)), m = f16_to_float(float_to_f16(*least));
  put(out, float_to_f16(d));
  put(out + 2, float_to_f16(m));
  put_nibbles(x, d > 0 ? 1 / d : 0, m, out + 4);
}

void quantize_block(DType type, const float* x, std::byte* out) {
  switch (type) {
    case DType::F32: return put(out, *x);
    case DType::F16: return put(out, float_to_f16(*x));
    case DType::BF16: return put(out, float_to_bf16(*x));
    case DType::Q8_0: return quantize_q8_0(x, 32, out);
    case DType::Q4_0: return quantize_q4_0(x, out);
    case DType::Q4_1: return quantize_q4_1(x, out);
    case DType::Q4_K: return quantize_q45_k(false, x, out);
    case DType::Q5_K: return quantize_q45_k(true, x, out);
    default: return quantize_q6_k(x, out);
  }
}

}  // namespace

bool can_quantize(DType type) {
  using enum DType;
  for (DType known : {F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K, Q5_K, Q6_K})
    if (type == known) return true;
  return false;
}

void quantize(DType type, const float* values, size_t n, void* out) {
  LIMPID_CHECK(can_quantize(type), ShapeError, "[quantize] numbers cannot be rounded to ", info(type).name);
  byte_size(type, n);  // whole blocks, or an error
  const DTypeInfo& block = info(type);
  auto* at = static_cast<std::byte*>(out);
  const size_t blocks = n / block.block_elements, together = std::max<size_t>(1, 4096 / block.block_elements);
  parallel_for((blocks + together - 1) / together, [&](size_t part) {
    for (size_t b = part * together; b < std::min(blocks, (part + 1) * together); ++b)
      quantize_block(type, values + b * block.block_elements, at + b * block.block_bytes);
  });
}

void quantize_q8_0(const float* values, size_t n, void* out) {
  LIMPID_CHECK(n % 32 == 0, ShapeError, "[quantize] ", n, " numbers are no whole blocks of 32");
  std::byte* block = static_cast<std::byte*>(out);
  for (size_t start = 0; start < n; start += 32, block += 34) {
    float largest = 0.0f;
    for (size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(values[start + i]));
    const float scale = largest / 127.0f, inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
    const uint16_t stored = float_to_f16(scale);
    std::memcpy(block, &stored, sizeof stored);
    for (size_t i = 0; i < 32; ++i) {
      const float rounded = std::round(values[start + i] * inverse);
      int8_t code = rounded > 0.0f ? 127 : -127;
      // Elsewhere lie NaN and the infinities of subnormal scales too, whose conversion would be undefined.
      if (rounded >= -127.0f && rounded <= 127.0f) code = int8_t(rounded);
      std::memcpy(block + 2 + i, &code, 1);
    }
  }
}

}  // namespace limpid::kernels
