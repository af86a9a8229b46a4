#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "limpid/core/half.h"

/// Numbers in the bytes of a block, at any address, little-endian. Internal to the room.
namespace limpid::kernels {

inline uint8_t u8(const std::byte* at) { return uint8_t(*at); }

inline uint16_t u16(const std::byte* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

inline uint32_t u32(const std::byte* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

inline float half(const std::byte* at) { return f16_to_float(u16(at)); }

/// Number i of those that lie in four bits each, the low half of a byte first.
inline int nibble(const std::byte* at, int i) { return u8(at + i / 2) >> (i % 2 * 4) & 15; }

}  // namespace limpid::kernels
