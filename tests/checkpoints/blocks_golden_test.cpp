#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

/// Compares [rows, n] values; the error of a row is relative to its largest value.
void expect_rows_equal(const std::vector<float>& ours, const std::vector<float>& reference, size_t n,
                       double tolerance) {
  ASSERT_EQ(ours.size(), reference.size());
  for (size_t begin = 0; begin < reference.size(); begin += n) {
    double largest = 0, worst = 0;
    for (size_t i = begin; i < begin + n; ++i) {
      ASSERT_TRUE(std::isfinite(ours[i])) << "element " << i;
      largest = std::max(largest, std::fabs(double(reference[i])));
      worst = std::max(worst, std::fabs(double(ours[i]) - reference[i]));
    }
    EXPECT_LE(worst, tolerance * largest) << "row " << begin / n;
  }
}

TEST(BlocksGolden, EveryTensorTypeStandsForTheValuesOfTheReference) {
  const fs::path path = testing_support::golden_dir() / "gguf";
  LIMPID_REQUIRE_PATH(path / "blocks.gguf");
  const auto blocks = GgufFile::open(path / "blocks.gguf");
  const auto reference = SafetensorsFile::open(path / "blocks.safetensors");
  ASSERT_FALSE(blocks->tensors().empty());
  EXPECT_EQ(blocks->tensors().size(), reference->tensors().size());
  for (const TensorView& tensor : blocks->tensors()) {
    SCOPED_TRACE(tensor.name);
    ASSERT_NE(reference->find(tensor.name), nullptr);
    EXPECT_EQ(tensor.shape, reference->at(tensor.name).shape);
    EXPECT_EQ(info(tensor.dtype).name, tensor.name);  // the tensors are named after their types
    expect_rows_equal(to_floats(tensor), to_floats(reference->at(tensor.name)), size_t(tensor.shape.back()), 1e-6);
  }
}

}  // namespace
}  // namespace limpid
