#include "limpid/kernels/cache_rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/random_tensor.h"

namespace limpid::kernels {
namespace {

std::vector<float> through_a_row(CacheType type, const std::vector<float>& numbers) {
  std::vector<std::byte> row(cache_row_bytes(type, numbers.size()));
  write_cache_row(type, numbers.data(), numbers.size(), row.data());
  std::vector<float> out(numbers.size());
  read_cache_row(type, row.data(), out.size(), out.data());
  return out;
}

TEST(CacheRows, TakeTheBytesOfTheirTypeInWholeBlocks) {
  EXPECT_EQ(cache_row_bytes(CacheType::F32, 64), 256u);
  EXPECT_EQ(cache_row_bytes(CacheType::BF16, 64), 128u);
  EXPECT_EQ(cache_row_bytes(CacheType::Q8, 64), 68u);  // two blocks of 2 + 32
  EXPECT_EQ(cache_row_bytes(CacheType::F32, 37), 148u);
  EXPECT_EQ(cache_row_bytes(CacheType::BF16, 37), 128u);
  EXPECT_EQ(cache_row_bytes(CacheType::Q8, 37), 68u);
}

TEST(CacheRows, KeepFloat32AsItIsAndRoundTheOthersAsTheirTypesDo) {
  for (size_t width : {1, 8, 31, 32, 33, 64, 80, 256}) {
    SCOPED_TRACE(testing::Message() << "width " << width);
    const auto numbers = random_floats(width, width);
    EXPECT_EQ(through_a_row(CacheType::F32, numbers), numbers);
    const auto half = through_a_row(CacheType::BF16, numbers), eight = through_a_row(CacheType::Q8, numbers);
    for (size_t i = 0; i < width; ++i) {
      float largest = 0;
      for (size_t j = i / 32 * 32; j < std::min(width, i / 32 * 32 + 32); ++j)
        largest = std::max(largest, std::fabs(numbers[j]));
      EXPECT_LE(std::fabs(half[i] - numbers[i]), std::fabs(numbers[i]) / 256);
      EXPECT_LE(std::fabs(eight[i] - numbers[i]), largest / 127 * 0.57f);  // half a step, and the rounding of the scale
    }
  }
}

TEST(CacheRows, OfZerosAreZeros) {
  for (CacheType type : {CacheType::F32, CacheType::BF16, CacheType::Q8})
    EXPECT_EQ(through_a_row(type, std::vector<float>(40, 0.0f)), std::vector<float>(40, 0.0f)) << name(type);
}

}  // namespace
}  // namespace limpid::kernels
