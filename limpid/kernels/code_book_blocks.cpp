#include "limpid/kernels/code_book_blocks.h"

#include <bit>

#include "limpid/core/error.h"
#include "limpid/kernels/block_bytes.h"
#include "limpid/kernels/code_books.h"

namespace limpid::kernels {
namespace {

/// The signs of eight weights, of which seven are stored: the number of minuses is even.
uint8_t eight_signs(uint32_t seven) { return uint8_t(seven | std::popcount(seven) % 2 << 7); }

/// Writes a point, negative where its bit of `signs` is set.
void put_point(const int8_t* point, int values, int signs, int8_t* code) {
  for (int i = 0; i < values; ++i) code[i] = int8_t(signs >> i & 1 ? -point[i] : point[i]);
}

void decode_iq1_s(const std::byte* block, DecodedBlock& out) {  // d, qs[32], qh[8] (u16)
  const std::byte *qs = block + 2, *qh = block + 34;
  const int8_t* book = code_book(DType::IQ1_S);
  const float d = half(block);
  for (int i = 0; i < 32; ++i) {
    const int high = u16(qh + i / 4 * 2), shift = high & 0x8000 ? -1 : 1;
    const int index = u8(qs + i) | (high >> (i % 4 * 3) & 7) << 8;
    for (int k = 0; k < 8; ++k) out.code[i * 8 + k] = int8_t(book[index * 8 + k] + shift);
    out.scale[i / 4] = d * float(2 * (high >> 12 & 7) + 1) * 0.125f;  // codes count eighths
  }
}

void decode_iq1_m(const std::byte* block, DecodedBlock& out) {  // qs[32], qh[16], scales[4] (u16)
  const std::byte *qs = block, *qh = block + 32, *scales = block + 48;
  const int8_t* book = code_book(DType::IQ1_M);
  uint16_t d_bits = 0;  // the highest four bits of each of the four
  for (int i = 0; i < 4; ++i) d_bits |= uint16_t(u16(scales + 2 * i) >> 12 << (4 * i));
  const float d = f16_to_float(d_bits);
  for (int i = 0; i < 32; ++i) {
    const int high = nibble(qh, i), shift = high & 8 ? -1 : 1;
    const int index = u8(qs + i) | (high & 7) << 8;
    for (int k = 0; k < 8; ++k) out.code[i * 8 + k] = int8_t(book[index * 8 + k] + shift);
  }
  for (int group = 0; group < 16; ++group) {
    const int scale = u16(scales + group / 4 * 2) >> (group % 4 * 3) & 7;
    out.scale[group] = d * float(2 * scale + 1) * 0.125f;
  }
}

void decode_iq2_xxs(const std::byte* block, DecodedBlock& out) {  // d, eight of: index[4], signs and scale (u32)
  const int8_t* book = code_book(DType::IQ2_XXS);
  const float d = half(block);
  for (int group = 0; group < 8; ++group) {
    const std::byte* at = block + 2 + group * 8;
    const uint32_t rest = u32(at + 4);
    for (int i = 0; i < 4; ++i)
      put_point(book + u8(at + i) * 8, 8, eight_signs(rest >> (7 * i) & 127), out.code + group * 32 + i * 8);
    out.scale[group] = d * (0.5f + float(rest >> 28)) * 0.25f;
  }
}

void decode_iq2_xs(const std::byte* block, DecodedBlock& out) {  // d, qs[32] (u16: 9 bits index, 7 signs), scales[8]
  const int8_t* book = code_book(DType::IQ2_XS);
  const float d = half(block);
  for (int i = 0; i < 32; ++i) {
    const uint16_t q = u16(block + 2 + i * 2);
    put_point(book + (q & 511) * 8, 8, eight_signs(q >> 9), out.code + i * 8);
  }
  for (int group = 0; group < 16; ++group) out.scale[group] = d * (0.5f + float(nibble(block + 66, group))) * 0.25f;
}

void decode_iq2_s(const std::byte* block, DecodedBlock& out) {  // d, qs[32], signs[32], qh[8], scales[8]
  const std::byte *qs = block + 2, *signs = block + 34, *qh = block + 66, *scales = block + 74;
  const int8_t* book = code_book(DType::IQ2_S);
  const float d = half(block);
  for (int i = 0; i < 32; ++i) {
    const int index = u8(qs + i) | (u8(qh + i / 4) >> (i % 4 * 2) & 3) << 8;
    put_point(book + index * 8, 8, u8(signs + i), out.code + i * 8);
  }
  for (int group = 0; group < 16; ++group) out.scale[group] = d * (0.5f + float(nibble(scales, group))) * 0.25f;
}

void decode_iq3_xxs(const std::byte* block, DecodedBlock& out) {  // d, qs[64], signs and scales[8] (u32)
  const int8_t* book = code_book(DType::IQ3_XXS);
  const float d = half(block);
  for (int group = 0; group < 8; ++group) {
    const uint32_t rest = u32(block + 66 + group * 4);
    for (int i = 0; i < 8; ++i) {
      const int signs = eight_signs(rest >> (i / 2 * 7) & 127) >> (i % 2 * 4);
      put_point(book + u8(block + 2 + group * 8 + i) * 4, 4, signs, out.code + group * 32 + i * 4);
    }
    out.scale[group] = d * (0.5f + float(rest >> 28)) * 0.5f;
  }
}

void decode_iq3_s(const std::byte* block, DecodedBlock& out) {  // d, qs[64], qh[8], signs[32], scales[4]
  const std::byte *qs = block + 2, *qh = block + 66, *signs = block + 74, *scales = block + 106;
  const int8_t* book = code_book(DType::IQ3_S);
  const float d = half(block);
  for (int i = 0; i < 64; ++i) {
    const int index = u8(qs + i) | (u8(qh + i / 8) >> (i % 8) & 1) << 8;
    put_point(book + index * 4, 4, nibble(signs, i), out.code + i * 4);
  }
  for (int group = 0; group < 8; ++group) out.scale[group] = d * float(1 + 2 * nibble(scales, group));
}

}  // namespace

void decode_code_book_block(DType type, const std::byte* block, DecodedBlock& out) {
  switch (type) {
    case DType::IQ1_S: return decode_iq1_s(block, out);
    case DType::IQ1_M: return decode_iq1_m(block, out);
    case DType::IQ2_XXS: return decode_iq2_xxs(block, out);
    case DType::IQ2_XS: return decode_iq2_xs(block, out);
    case DType::IQ2_S: return decode_iq2_s(block, out);
    case DType::IQ3_XXS: return decode_iq3_xxs(block, out);
    case DType::IQ3_S: return decode_iq3_s(block, out);
    default: throw ShapeError(concat("[kernels] ", info(type).name, " has no code book"));
  }
}

}  // namespace limpid::kernels
