#include "limpid/kernels/code_books.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "limpid/core/error.h"
#include "tests/kernels/block_builder.h"

namespace limpid::kernels {
namespace {

std::vector<int> point(DType type, int index, int values) {
  const int8_t* at = code_book(type) + index * values;
  return {at, at + values};
}

TEST(CodeBooks, NumberTheirPointsInAscendingOrderTheFirstValueLowest) {
  EXPECT_EQ(point(DType::IQ2_XXS, 0, 8), std::vector<int>(8, 8));
  EXPECT_EQ(point(DType::IQ2_XXS, 1, 8), (std::vector<int>{43, 8, 8, 8, 8, 8, 8, 8}));
  EXPECT_EQ(point(DType::IQ2_XS, 2, 8), (std::vector<int>{25, 25, 8, 8, 8, 8, 8, 8}));
  EXPECT_EQ(point(DType::IQ3_XXS, 1, 4), (std::vector<int>{20, 4, 4, 4}));
  EXPECT_EQ(point(DType::IQ1_M, 1, 8), (std::vector<int>{8, -8, -8, -8, -8, -8, -8, -8}));
}

TEST(CodeBooks, EndWithTheLargestPoint) {
  EXPECT_EQ(point(DType::IQ1_S, 2047, 8), std::vector<int>(8, 8));
  EXPECT_EQ(point(DType::IQ2_S, 1023, 8), std::vector<int>(8, 43));
  EXPECT_EQ(point(DType::IQ3_S, 511, 4), (std::vector<int>{1, 1, 15, 15}));
}

TEST(CodeBooks, BelongToTypesThatHaveThem) { EXPECT_THROW(code_book(DType::Q4_K), ShapeError); }

TEST(Dequantize, TwoBitPointsTakeSevenSignsAndAnEvenNumberOfMinuses) {
  Bytes block;  // d, eight of: index[4], signs and scale
  block.half(8);
  block.byte(1).byte(0, 3).word(2u << 28 | 1u);  // scale 2.5 / 4; first sign bit set: the eighth follows
  block.byte(0, 7 * 8);
  const auto values = block.as(DType::IQ2_XXS);
  EXPECT_EQ(values[0], -43.0f * 5);
  EXPECT_EQ(values[1], 8.0f * 5);
  EXPECT_EQ(values[7], -8.0f * 5);
  EXPECT_EQ(values[8], 8.0f * 5);
  EXPECT_EQ(values[32], 8.0f);  // scale 0.5 / 4
}

TEST(Dequantize, TwoBitPointsWithAScaleForSixteen) {
  Bytes xs;                                                      // d, qs[32] (u16), scales[8]
  xs.half(4).byte(1).byte(2).byte(0, 62).byte(0x10).byte(0, 7);  // index 1, sign bit 0; scales 0.5, 1.5
  const auto values = xs.as(DType::IQ2_XS);
  EXPECT_EQ(values[0], -21.5f);
  EXPECT_EQ(values[7], -4.0f);
  EXPECT_EQ(values[16], 12.0f);
  Bytes s;  // d, qs[32], signs[32], qh[8], scales[8]
  s.half(4).byte(0xff).byte(0, 31).byte(0x80).byte(0, 31).byte(3).byte(0, 7).byte(0, 8);  // index 1023
  const auto stored = s.as(DType::IQ2_S);
  EXPECT_EQ(stored[0], 21.5f);
  EXPECT_EQ(stored[7], -21.5f);
  EXPECT_EQ(stored[8], 4.0f);
}

TEST(Dequantize, ThreeBitPointsAreFourWeights) {
  Bytes xxs;                                                           // d, qs[64], signs and scales[8]
  xxs.half(2).byte(1).byte(0, 63).word(1u << 28 | 0x10u).byte(0, 28);  // scale 1.5 / 2; the fifth weight negative
  const auto values = xxs.as(DType::IQ3_XXS);
  EXPECT_EQ(values[0], 30.0f);
  EXPECT_EQ(values[4], -6.0f);
  EXPECT_EQ(values[7], -6.0f);  // the eighth sign makes two
  Bytes s;                      // d, qs[64], qh[8], signs[32], scales[4]
  s.half(1).byte(0xff).byte(0, 63).byte(1).byte(0, 7).byte(0x04).byte(0, 31).byte(0x21).byte(0, 3);
  const auto stored = s.as(DType::IQ3_S);
  EXPECT_EQ(std::vector<float>(stored.begin(), stored.begin() + 4), (std::vector<float>{3, 3, -45, 45}));
  EXPECT_EQ(stored[32], 5.0f);
}

TEST(Dequantize, OneBitPointsAreShiftedByAnEighth) {
  Bytes s;  // d, qs[32], qh[8] (u16: three high bits of each index, scale, shift)
  s.half(1).byte(1).byte(0, 31).byte(0).byte(0x90).byte(0, 14);  // scale 3, shifted down
  const auto values = s.as(DType::IQ1_S);
  EXPECT_EQ(values[0], 3 * (1 - 0.125f));
  EXPECT_EQ(values[1], 3 * (-1 - 0.125f));
  EXPECT_EQ(values[32], -1 + 0.125f);
  Bytes m;                                    // qs[32], qh[16], scales[4] (u16 with four bits of d on top: 0x3c00 is 1)
  m.byte(1).byte(0, 31).byte(8).byte(0, 15);  // the first eight are shifted down
  m.byte(1).byte(0x00).byte(0).byte(0x00).byte(0).byte(0xc0).byte(0).byte(0x30);
  const auto stored = m.as(DType::IQ1_M);
  EXPECT_EQ(stored[0], 3 * (1 - 0.125f));
  EXPECT_EQ(stored[8], 3 * (-1 + 0.125f));
  EXPECT_EQ(stored[16], -1 + 0.125f);
}

}  // namespace
}  // namespace limpid::kernels
