#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "limpid/core/half.h"
#include "limpid/kernels/dtype.h"

namespace limpid::kernels {

/// A block under construction: bytes, halves and runs appended in file order.
struct Bytes {
  std::string data;
  Bytes& byte(int value, size_t times = 1) {
    data.append(times, char(value));
    return *this;
  }
  Bytes& half(float value) {
    const uint16_t bits = float_to_f16(value);
    return byte(bits & 255).byte(bits >> 8);
  }
  Bytes& word(uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) byte(value >> shift & 255);
    return *this;
  }
  std::vector<float> as(DType type) const {
    EXPECT_EQ(data.size() % info(type).block_bytes, 0u);
    std::vector<float> out(data.size() / info(type).block_bytes * info(type).block_elements);
    dequantize(type, data.data(), out.size(), out.data());
    return out;
  }
};

}  // namespace limpid::kernels
