#pragma once

#include "limpid/core/half.h"

/// 8-bit floating point as stored in checkpoints (Micikevicius et al. 2022, arXiv:2209.05433).
namespace limpid {

/// Four bits of exponent, three of fraction; no infinities, and one pattern besides its sign for NaN.
inline float f8_e4m3_to_float(uint8_t bits) {
  const uint32_t sign = uint32_t(bits & 0x80u) << 24, exponent = bits >> 3 & 15u, fraction = bits & 7u;
  if ((bits & 0x7fu) == 0x7fu) return std::bit_cast<float>(sign | 0x7fc00000u);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 120) << 23 | fraction << 20);
  const float magnitude = float(fraction) * 0x1p-9f;  // subnormal or zero
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
}

/// The upper half of a float16.
inline float f8_e5m2_to_float(uint8_t bits) { return f16_to_float(uint16_t(bits << 8)); }

}  // namespace limpid
