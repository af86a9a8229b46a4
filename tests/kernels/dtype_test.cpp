#include "limpid/kernels/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/core/error.h"
#include "limpid/kernels/blocks.h"
#include "limpid/kernels/linear.h"
#include "limpid/kernels/quantize.h"
#include "tests/kernels/block_builder.h"
#include "tests/kernels/random_tensor.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using kernels::Bytes;

TEST(DType, KnowsNamesAndSizes) {
  EXPECT_STREQ(info(DType::IQ4_XS).name, "IQ4_XS");
  EXPECT_EQ(byte_size(DType::F32, 3), 12u);
  EXPECT_EQ(byte_size(DType::Q4_1, 64), 40u);
  EXPECT_EQ(byte_size(DType::Q6_K, 256), 210u);
  EXPECT_FALSE(is_quantised(DType::BF16));
  EXPECT_TRUE(is_quantised(DType::Q8_0));
}

TEST(DType, FindsTypesByName) {
  EXPECT_EQ(dtype_named("NVFP4"), DType::NVFP4);
  EXPECT_EQ(dtype_named("F8_E4M3"), DType::F8_E4M3);
  EXPECT_EQ(dtype_named("Q4_2"), std::nullopt);
}

TEST(DType, RefusesBrokenBlocksIntegersAndSizesBeyondMemory) {
  float out[32];
  EXPECT_THROW(byte_size(DType::Q4_0, 33), ShapeError);
  EXPECT_THROW(byte_size(DType::F64, SIZE_MAX / 2), ShapeError);
  EXPECT_THROW(dequantize(DType::Q4_0, out, 31, out), ShapeError);
  EXPECT_THROW(dequantize(DType::I32, out, 1, out), ShapeError);
  EXPECT_THROW(info(DType(200)), ShapeError);
}

TEST(Dequantize, ReadsPlainTypes) {
  const double doubles[] = {1.5, -2.0};
  const uint16_t halves[] = {0x3c00, 0xc000}, brains[] = {0x3f80, 0xc000};  // 1, -2 in both
  float out[2];
  dequantize(DType::F64, doubles, 2, out);
  EXPECT_EQ(out[0], 1.5f);
  dequantize(DType::F16, halves, 2, out);
  EXPECT_EQ(out[1], -2.0f);
  dequantize(DType::BF16, brains, 2, out);
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -2.0f);
}

TEST(Dequantize, ReadsFloatsOfEightBits) {
  const uint8_t e4m3[] = {0x38, 0xb8, 0x7e, 0x01, 0x7f}, e5m2[] = {0x3c, 0xc0, 0x7c, 0x01};
  float out[5];
  dequantize(DType::F8_E4M3, e4m3, 5, out);
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -1.0f);
  EXPECT_EQ(out[2], 448.0f);
  EXPECT_EQ(out[3], 0x1p-9f);
  EXPECT_TRUE(std::isnan(out[4]));
  dequantize(DType::F8_E5M2, e5m2, 4, out);
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -2.0f);
  EXPECT_TRUE(std::isinf(out[2]));
  EXPECT_EQ(out[3], 0x1p-16f);
}

TEST(Dequantize, TernaryBlocksHoldDigitsOfBaseThree) {
  Bytes tq1;                           // qs[48], qh[4], d
  tq1.byte(0x56).byte(0, 51).half(2);  // a digit of one, then zeros
  const auto one = tq1.as(DType::TQ1_0);
  EXPECT_EQ(one[0], 0.0f);
  EXPECT_EQ(one[32], -2.0f);
  Bytes tq2;  // qs[64], d
  const auto two = tq2.byte(0x92).byte(0, 63).half(2).as(DType::TQ2_0);
  EXPECT_EQ(two[0], 2.0f);
  EXPECT_EQ(two[32], -2.0f);
  EXPECT_EQ(two[64], 0.0f);
  EXPECT_EQ(two[96], 2.0f);
}

TEST(Dequantize, SignsAloneMakeABlock) {
  const auto q1_0 = Bytes().half(0.5f).byte(0x05).byte(0, 15).as(DType::Q1_0);
  EXPECT_EQ(std::vector<float>(q1_0.begin(), q1_0.begin() + 4), (std::vector<float>{0.5f, -0.5f, 0.5f, -0.5f}));
}

TEST(Dequantize, MicroscalingBlocksHaveScalesOfEightBits) {
  const auto mxfp4 = Bytes().byte(129).byte(0x97).byte(0, 15).as(DType::MXFP4);  // 2^(129 - 127) for 0.5, 1, … 6
  EXPECT_EQ(mxfp4[0], 24.0f);
  EXPECT_EQ(mxfp4[16], -2.0f);
  Bytes block;  // scales[4], qs[4][8]
  block.byte(0x38).byte(0x01).byte(0x7f).byte(0x7e).byte(0x97).byte(0, 7).byte(0x02, 8).byte(0x77, 8).byte(0x01, 8);
  const auto nvfp4 = block.as(DType::NVFP4);
  EXPECT_EQ(nvfp4[0], 6.0f);
  EXPECT_EQ(nvfp4[8], -0.5f);
  EXPECT_EQ(nvfp4[16], 0x1p-9f);
  EXPECT_EQ(nvfp4[32], 0.0f);  // a scale that is no number
  EXPECT_EQ(nvfp4[48], 224.0f);
}

TEST(Dequantize, FourBitBlocksHoldLowNibblesFirst) {
  const auto q4_0 = Bytes().half(2).byte(0x9f).byte(0x08, 15).as(DType::Q4_0);
  EXPECT_EQ(q4_0[0], 14.0f);  // (15 - 8) * 2
  EXPECT_EQ(q4_0[16], 2.0f);  // (9 - 8) * 2
  EXPECT_EQ(q4_0[1], 0.0f);
  EXPECT_EQ(q4_0[17], -16.0f);
  const auto q4_1 = Bytes().half(2).half(-1).byte(0x9f).byte(0, 15).as(DType::Q4_1);
  EXPECT_EQ(q4_1[0], 29.0f);
  EXPECT_EQ(q4_1[16], 17.0f);
  EXPECT_EQ(q4_1[31], -1.0f);
  const auto iq4_nl = Bytes().half(0.5f).byte(0xf0).byte(0x88, 15).as(DType::IQ4_NL);
  EXPECT_EQ(iq4_nl[0], -63.5f);
  EXPECT_EQ(iq4_nl[16], 56.5f);
  EXPECT_EQ(iq4_nl[5], 0.5f);
}

TEST(Dequantize, FiveBitBlocksTakeTheirFifthBitByElement) {
  const auto q5_0 = Bytes().half(1).byte(0x01).byte(0).byte(0x02).byte(0).byte(0x21, 16).as(DType::Q5_0);
  EXPECT_EQ(q5_0[0], 1.0f);  // 1 + 16 - 16
  EXPECT_EQ(q5_0[1], -15.0f);
  EXPECT_EQ(q5_0[17], 2.0f);  // 2 + 16 - 16
  EXPECT_EQ(q5_0[16], -14.0f);
  const auto q5_1 = Bytes().half(1).half(0.5f).byte(0).byte(0).byte(0).byte(0x80).byte(0x21, 16).as(DType::Q5_1);
  EXPECT_EQ(q5_1[31], 18.5f);
  EXPECT_EQ(q5_1[0], 1.5f);
}

TEST(Dequantize, SixBitSuperBlocksCombineNibblesAndPairs) {
  Bytes block;                           // ql[128], qh[64], scales[16], d
  block.byte(0x21, 128).byte(0xe4, 64);  // pairs 0, 1, 2, 3 for the four quarters
  for (int i = 0; i < 16; ++i) block.byte(i == 15 ? -2 : 1);
  const auto q6_k = block.half(1).as(DType::Q6_K);
  EXPECT_EQ(q6_k[0], -31.0f);    // 1 | 0 << 4
  EXPECT_EQ(q6_k[32], -15.0f);   // 1 | 1 << 4
  EXPECT_EQ(q6_k[64], 2.0f);     // 2 | 2 << 4
  EXPECT_EQ(q6_k[96], 18.0f);    // 2 | 3 << 4
  EXPECT_EQ(q6_k[255], -36.0f);  // the last sixteen count -2 times
}

TEST(Dequantize, SuperBlocksSpreadSixBitScales) {
  Bytes block;  // d, dmin, scales[12], qs[128]
  block.half(1).half(2);
  block.byte(0xc1).byte(0, 3).byte(0x43).byte(0, 3).byte(0x52).byte(0, 3);  // group 0: 1 and 3; group 4: 2|3<<4, 5|1<<4
  const auto q4_k = block.byte(0x21, 128).as(DType::Q4_K);
  EXPECT_EQ(q4_k[0], 1.0f * 1 - 2 * 3);
  EXPECT_EQ(q4_k[4 * 32], 50.0f * 1 - 2 * 21);
  EXPECT_EQ(q4_k[32], 0.0f);
}

TEST(QuantizeQ8, RoundsToTheNearestOf255Steps) {
  std::vector<float> x(64, 0.0f);
  x[0] = 127.0f;
  x[1] = -63.4f;
  x[2] = 1.5f;
  std::vector<uint8_t> blocks(byte_size(DType::Q8_0, x.size()));
  kernels::quantize_q8_0(x.data(), x.size(), blocks.data());
  std::vector<float> back(x.size());
  dequantize(DType::Q8_0, blocks.data(), back.size(), back.data());
  EXPECT_EQ(back[0], 127.0f);
  EXPECT_EQ(back[1], -63.0f);
  EXPECT_EQ(back[2], 2.0f);
  EXPECT_EQ(back[63], 0.0f);  // a block of zeros has scale zero, not 0 / 0
  EXPECT_THROW(kernels::quantize_q8_0(x.data(), 33, blocks.data()), ShapeError);
}

TEST(Quantize, KeepsWhatABlockCanHold) {
  std::vector<float> x(256);
  for (int i = 0; i < 256; ++i) x[size_t(i)] = float(i * 7 % 16 - 8) * 0.25f;  // 16 even steps, in every 32 numbers
  for (DType type : {DType::F32, DType::F16, DType::BF16, DType::Q4_0, DType::Q4_1}) {
    std::vector<std::byte> blocks(byte_size(type, x.size()));
    kernels::quantize(type, x.data(), x.size(), blocks.data());
    std::vector<float> back(x.size());
    dequantize(type, blocks.data(), back.size(), back.data());
    EXPECT_EQ(back, x) << info(type).name;
  }
}

TEST(Quantize, FinerTypesAreCloser) {
  std::vector<float> x = kernels::random_floats(1024, 1);
  std::fill(x.begin(), x.begin() + 256, 0.0f);  // a super-block of nothing
  double last = 1;
  for (DType type : {DType::Q4_0, DType::Q4_K, DType::Q5_K, DType::Q6_K, DType::Q8_0}) {
    std::vector<std::byte> blocks(byte_size(type, x.size()));
    kernels::quantize(type, x.data(), x.size(), blocks.data());
    std::vector<float> back(x.size());
    dequantize(type, blocks.data(), back.size(), back.data());
    double squares = 0;
    for (size_t i = 0; i < x.size(); ++i) squares += std::pow(double(back[i]) - x[i], 2) / double(x.size());
    EXPECT_LT(std::sqrt(squares), last) << info(type).name;
    EXPECT_EQ(back[0], 0.0f) << info(type).name;
    last = std::sqrt(squares);
  }
  EXPECT_LT(last, 0.006);
}

TEST(Quantize, RefusesTypesItDoesNotWriteAndBrokenBlocks) {
  float x[256] = {};
  std::byte out[256];
  EXPECT_THROW(kernels::quantize(DType::IQ2_S, x, 256, out), ShapeError);
  EXPECT_THROW(kernels::quantize(DType::Q4_K, x, 32, out), ShapeError);
}

// blocks.gguf and what the gguf library makes of it; every tensor the two files share, whatever its type.
TEST(DequantizeGolden, AgreesWithTheGgufLibraryOnEveryType) {
  const auto folder = testing_support::golden_dir() / "gguf";
  LIMPID_REQUIRE_PATH(folder / "blocks.gguf");
  const auto blocks = Checkpoint::open(folder / "blocks.gguf"),
             floats = Checkpoint::open(folder / "blocks.safetensors");
  size_t compared = 0;
  for (const TensorView& tensor : blocks->tensors()) {
    SCOPED_TRACE(tensor.name);
    const TensorView& expected = floats->at(tensor.name);
    ASSERT_EQ(tensor.shape, expected.shape);
    const auto found = to_floats(tensor), wanted = to_floats(expected);
    const size_t width = size_t(tensor.shape.back());
    const auto packed = kernels::PackedMatrix::pack(tensor);
    std::vector<float> row(width);
    for (size_t start = 0; start < wanted.size(); start += width) {
      float largest = 0.0f;
      for (size_t i = start; i < start + width; ++i) largest = std::max(largest, std::fabs(wanted[i]));
      packed->row(start / width, row.data());
      for (size_t i = start; i < start + width; ++i) {
        ASSERT_NEAR(found[i], wanted[i], 1e-6f * largest) << "element " << i;
        ASSERT_NEAR(row[i - start], wanted[i], 1e-6f * largest) << "packed element " << i;
      }
    }
    ++compared;
  }
  EXPECT_GT(compared, 0u);
}

}  // namespace
}  // namespace limpid
