#include "limpid/kernels/blocks.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "limpid/core/error.h"
#include "limpid/kernels/block_bytes.h"
#include "limpid/kernels/code_book_blocks.h"

namespace limpid::kernels {
namespace {

// What the nibbles of the non-linear types stand for, but for a scale: IQ4_NL and IQ4_XS, and twice the numbers of
// MXFP4 and NVFP4 (E2M1 of the OCP Microscaling Formats).
constexpr int8_t kNonLinear4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
constexpr int8_t kE2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// What the points of the code books are made of, signs included. IQ1: -1, 0 or 1, shifted by an eighth, in eighths.
constexpr int8_t kIq1[16] = {-9, -7, -1, 1, 7, 9}, kIq2[16] = {-43, -25, -8, 8, 25, 43};
constexpr int8_t kIq3Xxs[16] = {-62, -52, -44, -36, -28, -20, -12, -4, 4, 12, 20, 28, 36, 44, 52, 62};
constexpr int8_t kIq3S[16] = {-15, -13, -11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11, 13, 15};

/// 16 bytes of nibbles: the low ones are elements 0 to 15, the high ones 16 to 31.
void split_nibbles(const std::byte* nibbles, int offset, int8_t* code) {
  for (int i = 0; i < 16; ++i) {
    code[i] = int8_t((u8(nibbles + i) & 15) - offset);
    code[i + 16] = int8_t((u8(nibbles + i) >> 4) - offset);
  }
}

/// Nibbles of elements 0 to bytes - 1, the low ones, and of bytes to 2 * bytes - 1, the high ones, as what they stand
/// for.
void look_up_nibbles(const std::byte* nibbles, int bytes, const int8_t* values, int8_t* code) {
  for (int i = 0; i < bytes; ++i) {
    code[i] = values[u8(nibbles + i) & 15];
    code[i + bytes] = values[u8(nibbles + i) >> 4];
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
    look_up_nibbles(block + 8 + group * 16, 16, kNonLinear4, out.code + group * 32);
  }
}

void decode_tq1_0(const std::byte* block, DecodedBlock& out) {  // qs[48], qh[4], d; five digits of base 3 a byte
  const std::byte *qs = block, *qh = block + 48;
  out.scale[0] = half(block + 52);
  for (int group = 1; group < 8; ++group) out.scale[group] = out.scale[0];
  int8_t* code = out.code;
  const auto put_digits = [&](const std::byte* bytes, int count, int digits) {
    for (int power = 1; digits > 0; --digits, power *= 3)
      for (int i = 0; i < count; ++i) *code++ = int8_t((uint8_t(u8(bytes + i) * power) * 3 >> 8) - 1);
  };
  put_digits(qs, 32, 5);
  put_digits(qs + 32, 16, 5);
  put_digits(qh, 4, 4);
}

void decode_tq2_0(const std::byte* block, DecodedBlock& out) {  // qs[64], d
  for (float& scale : out.scale) scale = half(block + 64);
  for (int i = 0; i < 256; ++i) out.code[i] = int8_t((u8(block + i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3) - 1);
}

void decode_q1_0(const std::byte* block, DecodedBlock& out) {  // d, qs[16]: a bit an element
  for (float& scale : out.scale) scale = half(block);
  for (int i = 0; i < 128; ++i) out.code[i] = u8(block + 2 + i / 8) >> (i % 8) & 1 ? 1 : -1;
}

void decode_mxfp4(const std::byte* block, DecodedBlock& out) {  // e, qs[16]; scale 2^(e - 128): half, for kE2M1
  const uint32_t e = u8(block);
  out.scale[0] = std::bit_cast<float>(e < 2 ? 0x00200000u << e : (e - 1) << 23);
  look_up_nibbles(block + 1, 16, kE2M1, out.code);
}

/// Half of an unsigned E4M3 number; 0x7f, which is no number, counts as zero.
float half_of_ue4m3(int bits) {
  if (bits == 0x7f) return 0.0f;
  const int exponent = bits >> 3 & 15, fraction = bits & 7;
  return exponent == 0 ? std::ldexp(float(fraction), -10) : std::ldexp(float(8 + fraction), exponent - 11);
}

void decode_nvfp4(const std::byte* block, DecodedBlock& out) {  // scales[4], qs[4][8]
  for (int group = 0; group < 4; ++group) {
    out.scale[group] = half_of_ue4m3(u8(block + group));
    look_up_nibbles(block + 4 + group * 8, 8, kE2M1, out.code + group * 16);
  }
}

}  // namespace

const BlockTraits& block_traits(DType type) {
  static constexpr BlockTraits q4_0{32, false, -8, 7, true}, q4_1{32, true, 0, 15, true},
      q5_0{32, false, -16, 15, true}, q5_1{32, true, 0, 31, true}, q8_0{32, false, -128, 127, true},
      q2_k{16, true, 0, 3, false, nullptr, 80}, q3_k{16, false, -4, 3, false, nullptr, 108},
      q4_k{32, true, 0, 15, false}, q5_k{32, true, 0, 31, false}, q6_k{16, false, -32, 31, false, nullptr, 208},
      iq4_nl{32, false, -127, 113, true, kNonLinear4}, iq4_xs{32, false, -127, 113, false, kNonLinear4},
      iq1_s{32, false, -9, 9, false, kIq1}, iq1_m{16, false, -9, 9, false, kIq1, -1},
      iq2_xxs{32, false, -43, 43, false, kIq2}, iq2_xs_s{16, false, -43, 43, false, kIq2},
      iq3_xxs{32, false, -62, 62, false, kIq3Xxs}, iq3_s{32, false, -15, 15, false, kIq3S},
      tq1_0{32, false, -1, 2, true, nullptr, 52}, tq2_0{32, false, -1, 2, true, nullptr, 64},
      q1_0{32, false, -1, 1, true}, mxfp4{32, false, -12, 12, false, kE2M1, -1},
      nvfp4{16, false, -12, 12, true, kE2M1, -1};
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
    case DType::IQ1_S: return iq1_s;
    case DType::IQ1_M: return iq1_m;
    case DType::IQ2_XXS: return iq2_xxs;
    case DType::IQ2_XS:
    case DType::IQ2_S: return iq2_xs_s;
    case DType::IQ3_XXS: return iq3_xxs;
    case DType::IQ3_S: return iq3_s;
    case DType::TQ1_0: return tq1_0;
    case DType::TQ2_0: return tq2_0;
    case DType::Q1_0: return q1_0;
    case DType::MXFP4: return mxfp4;
    case DType::NVFP4: return nvfp4;
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
      return look_up_nibbles(block + 2, 16, kNonLinear4, out.code);
    case DType::Q2_K: return decode_q2_k(block, out);
    case DType::Q3_K: return decode_q3_k(block, out);
    case DType::Q4_K: return decode_q45_k(block, false, out);
    case DType::Q5_K: return decode_q45_k(block, true, out);
    case DType::Q6_K: return decode_q6_k(block, out);
    case DType::IQ4_XS: return decode_iq4_xs(block, out);
    case DType::TQ1_0: return decode_tq1_0(block, out);
    case DType::TQ2_0: return decode_tq2_0(block, out);
    case DType::Q1_0: return decode_q1_0(block, out);
    case DType::MXFP4: return decode_mxfp4(block, out);
    case DType::NVFP4: return decode_nvfp4(block, out);
    default: return decode_code_book_block(type, block, out);
  }
}

}  // namespace limpid::kernels
