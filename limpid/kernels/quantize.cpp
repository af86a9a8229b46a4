#include "limpid/kernels/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "limpid/core/error.h"
#include "limpid/core/half.h"

namespace limpid::kernels {

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
