#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "limpid/core/half.h"
#include "limpid/core/random.h"
#include "limpid/kernels/dtype.h"

namespace limpid::kernels {

inline std::vector<float> random_floats(size_t n, uint64_t seed, float scale = 1.0f) {
  RandomStream random(seed);
  std::vector<float> out(n);
  for (float& v : out) v = scale * float(random.next_normal());
  return out;
}

/// A tensor with its bytes.
struct OwnedTensor {
  std::vector<std::byte> bytes;
  TensorView view;
};

/// Any bits are good codes; the scales of a block get small numbers. Plain types hold multiples of 1/16 up to
/// 8, which bfloat16 holds too.
inline OwnedTensor random_tensor(DType type, size_t out, size_t in, uint64_t seed) {
  OwnedTensor tensor;
  RandomStream random(seed);
  tensor.bytes.resize(byte_size(type, in) * out);
  const auto put = [&](size_t at, auto value) { std::memcpy(tensor.bytes.data() + at, &value, sizeof value); };
  if (is_quantised(type)) {
    for (std::byte& byte : tensor.bytes) byte = std::byte(random.next_u32() >> 24);
    std::vector<size_t> halves = {0};
    if (type == DType::Q2_K) halves = {80, 82};
    if (type == DType::Q3_K) halves = {108};
    if (type == DType::Q6_K) halves = {208};
    if (type == DType::Q4_1 || type == DType::Q5_1 || type == DType::Q4_K || type == DType::Q5_K) halves = {0, 2};
    if (type == DType::TQ1_0) halves = {52};
    if (type == DType::TQ2_0) halves = {64};
    if (type == DType::MXFP4 || type == DType::NVFP4 || type == DType::IQ1_M) halves = {};
    for (size_t block = 0; block < tensor.bytes.size(); block += info(type).block_bytes) {
      for (size_t half : halves) put(block + half, float_to_f16(0.02f * float(random.next_normal())));
      if (type == DType::MXFP4) put(block, uint8_t(120 + random.next_below(8)));
      const uint16_t spread = float_to_f16(0.02f * float(random.next_normal()));  // over the last four u16
      for (size_t i = 0; type == DType::IQ1_M && i < 4; ++i)
        put(block + 49 + 2 * i, uint8_t((spread >> (4 * i) & 15) << 4 | random.next_below(16)));
    }
  } else {
    for (size_t i = 0; i < out * in; ++i) {
      const float value = float(int(random.next_below(257)) - 128) / 16.0f;
      switch (type) {
        case DType::F32: put(4 * i, value); break;
        case DType::F64: put(8 * i, double(value)); break;
        case DType::F16: put(2 * i, float_to_f16(value)); break;
        case DType::F8_E4M3:
        case DType::F8_E5M2: put(i, uint8_t(random.next_u32() >> 24 & 0xbf)); break;  // below 2
        default: put(2 * i, float_to_bf16(value));
      }
    }
  }
  tensor.view = {info(type).name, type, {int64_t(out), int64_t(in)}, tensor.bytes};
  return tensor;
}

}  // namespace limpid::kernels
