#include "limpid/kernels/blocks.h"

#include <cstring>

#include "limpid/core/error.h"
#include "limpid/core/half.h"

namespace limpid::kernels {

const int8_t kNonLinear4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

namespace {

uint8_t u8(const std::byte* at) { return uint8_t(*at); }

uint32_t u32(const std::byte* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

float half(const std::byte* at) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return f16_to_float(bits);
}

/// 16 bytes of nibbles: the low ones are elements 0 to 15, the high ones 16 to 31.
void split_nibbles(const std::byte* nibbles, int offset, int8_t* code) {
  for (int i = 0; i < 16; ++i) {
    code[i] = int8_t((u8(nibbles + i) & 15) - offset);
    code[i + 16] = int8_t((u8(nibbles + i) >> 4) - offset);
  }
}

/// As split_nibbles, with a fifth bit from `high`: bit i for element i.
void split_five_bits(const std::byte* nibbles, uint32_t high, int offset, int8_t* code) {
  for (int i = 0; i < 16; ++i) {
    code[i] = int8_t(int(u8(nibbles + i) & 15) + int(high >> i & 1) * 16 - offset);
    code[i + 16] = int8_t(int(u8(nibbles + i) >> 4) + int(high >> (i + 16) & 1) * 16 - offset);
  }
}

/// Scale and min of group j of Q4_K and Q5_K: eight pairs of 6-bit numbers in 12 bytes.
void scale_and_min(const std::byte* packed, int j, int& scale, int& min) {
  if (j < 4) {
    scale = u8(packed + j) & 63;
    min = u8(packed + j + 4) & 63;
  } else {
    scale = (u8(packed + j + 4) & 15) | u8(packed + j - 4) >> 6 << 4;
    min = u8(packed + j + 4) >> 4 | u8(packed + j) >> 6 << 4;
  }
}

void decode_q2_k(const std::byte* block, DecodedBlock& out) {  // scales[16], qs[64], d, dmin
  const std::byte* qs = block + 16;
  const float d = half(block + 80), dmin = half(block + 82);
  for (int group = 0; group < 16; ++group) {
    out.scale[group] = d * float(u8(block + group) & 15);
    out.min[group] = -(dmin * float(u8(block + group) >> 4));
  }
  for (int i = 0; i < 256; ++i) out.code[i] = int8_t(u8(qs + i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3);
}

void decode_q3_k(const std::byte* block, DecodedBlock& out) {  // hmask[32], qs[64], scales[12], d
  const std::byte *hmask = block, *qs = block + 32, *scales = block + 96;
  const float d = half(block + 108);
  for (int group = 0; group < 16; ++group) {
    const int low = group < 8 ? u8(scales + group) & 15 : u8(scales + group - 8) >> 4;
    const int high = u8(scales + 8 + group % 4) >> (group / 4 * 2) & 3;
    out.scale[group] = d * float((low | high << 4) - 32);
  }
  for (int i = 0; i < 256; ++i) {
    const int low = u8(qs + i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
    out.code[i] = int8_t(low - (u8(hmask + i % 32) >> (i / 32) & 1 ? 0 : 4));
  }
}

void decode_q45_k(const std::byte* block, bool five_bits,
                  DecodedBlock& out) {  // d, dmin, scales[12], (qh[32],) qs[128]
  const std::byte *qh = block + 16, *qs = block + (five_bits ? 48 : 16);
  const float d = half(block), dmin = half(block + 2);
  for (int group = 0; group < 8; ++group) {
    int scale, min;
    scale_and_min(block + 4, group, scale, min);
    out.scale[group] = d * float(scale);
    out.min[group] = -(dmin * float(min));
    for (int i = 0; i < 32; ++i) {
      const int low = group % 2 ? u8(qs + group / 2 * 32 + i) >> 4 : u8(qs + group / 2 * 32 + i) & 15;
      const int high = five_bits ? (u8(qh + i) >> group & 1) * 16 : 0;
      out.code[group * 32 + i] = int8_t(low + high);
    }
  }
}

void decode_q6_k(const std::byte* block, DecodedBlock& out) {  // ql[128], qh[64], scales[16], d
  const std::byte *ql = block, *qh = block + 128, *scales = block + 192;
  const float d = half(block + 208);
  for (int group = 0; group < 16; ++group) out.scale[group] = d * float(int8_t(u8(scales + group)));
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, quarter = i % 128 / 32;
    const uint8_t nibbles = u8(ql + part * 64 + quarter % 2 * 32 + i % 32);
    const int low = quarter < 2 ? nibbles & 15 : nibbles >> 4;
    const int high = u8(qh + part * 32 + i % 32) >> (quarter * 2) & 3;
    out.code[i] = int8_t((low | high << 4) - 32);
  }
}

void decode_iq4_xs(const std::byte* block, DecodedBlock& out) {  // d, scales_h (u16), scales_l[4], qs[128]
  const float d = half(block);
  const int scales_high = u8(block + 2) | u8(block + 3) << 8;
  for (int group = 0; group < 8; ++group) {
    const int low = u8(block + 4 + group / 2) >> (group % 2 * 4) & 15, high = scales_high >> (group * 2) & 3;
    out.scale[group] = d * float((low | high << 4) - 32);
    const std::byte* nibbles = block + 8 + group * 16;
    for (int i = 0; i < 16; ++i) {
      out.code[group * 32 + i] = kNonLinear4[u8(nibbles + i) & 15];
      out.code[group * 32 + i + 16] = kNonLinear4[u8(nibbles + i) >> 4];
    }
  }
}

}  // namespace

const BlockTraits& block_traits(DType type) {
  static constexpr BlockTraits q4_0{32, false, -8, 7, true}, q4_1{32, true, 0, 15, true},
      q5_0{32, false, -16, 15, true}, q5_1{32, true, 0, 31, true}, q8_0{32, false, -128, 127, true},
      q2_k{16, true, 0, 3, false, 80}, q3_k{16, false, -4, 3, false, 108}, q4_k{32, true, 0, 15, false},
      q5_k{32, true, 0, 31, false}, q6_k{16, false, -32, 31, false, 208}, iq4_nl{32, false, -127, 113, true},
      iq4_xs{32, false, -127, 113, false};
  switch (type) {
    case DType::Q4_0: return q4_0;
    case DType::Q4_1: return q4_1;
    case DType::Q5_0: return q5_0;
    case DType::Q5_1: return q5_1;
    case DType::Q8_0: return q8_0;
    case DType::Q2_K: return q2_k;
    case DType::Q3_K: return q3_k;
    case DType::Q4_K: return q4_k;
    case DType::Q5_K: return q5_k;
    case DType::Q6_K: return q6_k;
    case DType::IQ4_NL: return iq4_nl;
    case DType::IQ4_XS: return iq4_xs;
    default: throw ShapeError(concat("[kernels] ", info(type).name, " has no blocks"));
  }
}

void decode_block(DType type, const std::byte* block, DecodedBlock& out) {
  switch (type) {
    case DType::Q4_0:  // d, qs[16]
      out.scale[0] = half(block);
      return split_nibbles(block + 2, 8, out.code);
    case DType::Q4_1:  // d, m, qs[16]
      out.scale[0] = half(block);
      out.min[0] = half(block + 2);
      return split_nibbles(block + 4, 0, out.code);
    case DType::Q5_0:  // d, qh[4], qs[16]
      out.scale[0] = half(block);
      return split_five_bits(block + 6, u32(block + 2), 16, out.code);
    case DType::Q5_1:  // d, m, qh[4], qs[16]
      out.scale[0] = half(block);
      out.min[0] = half(block + 2);
      return split_five_bits(block + 8, u32(block + 4), 0, out.code);
    case DType::Q8_0:  // d, qs[32]
      out.scale[0] = half(block);
      std::memcpy(out.code, block + 2, 32);
      return;
    case DType::IQ4_NL:  // d, qs[16]
      out.scale[0] = half(block);
      split_nibbles(block + 2, 0, out.code);
      for (int i = 0; i < 32; ++i) out.code[i] = kNonLinear4[out.code[i]];
      return;
    case DType::Q2_K: return decode_q2_k(block, out);
    case DType::Q3_K: return decode_q3_k(block, out);
    case DType::Q4_K: return decode_q45_k(block, false, out);
    case DType::Q5_K: return decode_q45_k(block, true, out);
    case DType::Q6_K: return decode_q6_k(block, out);
    case DType::IQ4_XS: return decode_iq4_xs(block, out);
    default: throw ShapeError(concat("[kernels] ", info(type).name, " has no blocks"));
  }
}

}  // namespace limpid::kernels
