#include "limpid/checkpoints/finite.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/core/error.h"
#include "limpid/kernels/quantize.h"
#include "tests/checkpoints/builders.h"

namespace limpid {
namespace {

std::string refusal(const TensorView& view) {
  try {
    check_finite(view, "file");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

TEST(CheckFinite, NamesTheTensorThePlaceAndTheNumber) {
  std::vector<float> values(12, 1.0f);
  const TensorView view = test_builders::view("w", DType::F32, {3, 4}, values);
  EXPECT_EQ(refusal(view), "");
  values[7] = -INFINITY;
  EXPECT_EQ(
      refusal(view),
      "file: tensor \"w\": [1, 3] is -inf, expected a finite number; the file is damaged or its training diverged: "
      "get or make it again");
  EXPECT_THROW(check_finite_to_write({view}, "file"), FormatError);
}

TEST(CheckFinite, OfABlockSaysWhereItsScaleBelongs) {
  std::vector<float> values(4 * 64, 1.0f);
  values[2 * 64 + 40] = 1e9f;  // its scale is beyond float16
  std::vector<std::byte> blocks(byte_size(DType::Q8_0, values.size()));
  kernels::quantize_q8_0(values.data(), values.size(), blocks.data());
  const TensorView view{"w", DType::Q8_0, {4, 64}, blocks};
  EXPECT_NE(refusal(view).find("the scale of the block at [2, 32] is inf"), std::string::npos) << refusal(view);
}

TEST(CheckFinite, RefusesATensorWithoutItsBytes) {
  EXPECT_THROW(check_finite({"to be made", DType::F32, {2, 2}, {}}, "file"), ShapeError);
}

TEST(CheckFinite, AcceptsTensorsOfNothingAndIntegers) {
  EXPECT_EQ(refusal({"empty", DType::F32, {0, 4}, {}}), "");
  EXPECT_EQ(refusal(test_builders::view("ids", DType::I32, {2}, std::vector<int32_t>{0x7fc00000, -1})), "");
}

}  // namespace
}  // namespace limpid
