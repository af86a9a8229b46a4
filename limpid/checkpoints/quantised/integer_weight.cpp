#include "limpid/checkpoints/quantised/integer_weight.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "limpid/core/half.h"

namespace limpid::quantised {
namespace {

constexpr int64_t kBlock = 32;

bool blocks_share_their_scale(const IntegerWeight& w) {
  if (w.in % kBlock != 0) return false;
  for (int64_t i = 0; i < w.in; ++i)
    if (w.group[size_t(i)] != w.group[size_t(i / kBlock * kBlock)]) return false;
  return std::all_of(w.scale.begin(), w.scale.end(), [](float s) { return f16_to_float(float_to_f16(s)) == s; });
}

DType type_of(const IntegerWeight& w) {
  if (w.zero.empty() || !blocks_share_their_scale(w)) return DType::F32;
  const auto [least, most] = std::minmax_element(w.zero.begin(), w.zero.end());
  const int lowest = -*most, highest = (1 << w.bits) - 1 - *least;
  if (lowest >= -8 && highest <= 7) return DType::Q4_0;
  if (lowest >= -16 && highest <= 15) return DType::Q5_0;
  return lowest >= -128 && highest <= 127 ? DType::Q8_0 : DType::F32;
}

void put_block(DType type, uint16_t scale, const int* steps, std::byte* out) {
  std::memcpy(out, &scale, sizeof scale);
  if (type == DType::Q8_0) {
    for (int i = 0; i < kBlock; ++i) out[2 + i] = std::byte(int8_t(steps[i]));
    return;
  }
  const int offset = type == DType::Q4_0 ? 8 : 16;
  std::byte* nibbles = out + (type == DType::Q4_0 ? 2 : 6);
  uint32_t fifth = 0;  // bits of Q5_0
  for (int i = 0; i < kBlock / 2; ++i) {
    const int low = steps[i] + offset, high = steps[i + 16] + offset;
    nibbles[i] = std::byte((low & 15) | (high & 15) << 4);
    fifth |= uint32_t(low >> 4 & 1) << i | uint32_t(high >> 4 & 1) << (i + 16);
  }
  if (type == DType::Q5_0) std::memcpy(out + 2, &fifth, sizeof fifth);
}

void make(const IntegerWeight& w, DType type, std::vector<std::byte>& bytes) {
  bytes.resize(byte_size(type, size_t(w.out * w.in)));
  std::vector<uint8_t> codes(size_t(w.in));
  const size_t row_bytes = byte_size(type, size_t(w.in));
  for (int64_t o = 0; o < w.out; ++o) {
    w.row(o, codes.data());
    std::byte* out = bytes.data() + size_t(o) * row_bytes;
    int steps[kBlock];
    for (int64_t i = 0; i < w.in; ++i) {
      const auto at = size_t(w.group[size_t(i)]) * size_t(w.out) + size_t(o);
      const int step = codes[size_t(i)] - w.zero[at];
      if (type == DType::F32) {
        const float value = w.scale[at] * float(step);
        std::memcpy(out + i * 4, &value, sizeof value);
        continue;
      }
      steps[i % kBlock] = step;
      if (i % kBlock == kBlock - 1)
        put_block(type, float_to_f16(w.scale[at]), steps, out + size_t(i / kBlock) * info(type).block_bytes);
    }
  }
}

}  // namespace

QuantisedWeight make_integer_weight(IntegerWeight weight, std::vector<std::string> parts) {
  const DType type = type_of(weight);
  const auto shared = std::make_shared<const IntegerWeight>(std::move(weight));
  return {{shared->name, type, {shared->out, shared->in}, {}},
          std::move(parts),
          [shared, type](std::vector<std::byte>& bytes) { make(*shared, type, bytes); }};
}

}  // namespace limpid::quantised
