#include "limpid/kernels/finite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "limpid/core/half.h"
#include "limpid/kernels/cpu.h"
#include "limpid/kernels/peak.h"
#include "tests/kernels/random_tensor.h"

namespace limpid::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Bytes of numbers at an address that is aligned to nothing.
template <class T>
class Unaligned {
 public:
  explicit Unaligned(const std::vector<T>& values) : bytes_(values.size() * sizeof(T) + 1) {
    std::memcpy(bytes_.data() + 1, values.data(), values.size() * sizeof(T));
  }
  const std::byte* data() const { return bytes_.data() + 1; }

 private:
  std::vector<std::byte> bytes_;
};

/// Finds a number put at each of some places of a long tensor, alone and with another behind it.
template <class T>
void expect_found(DType type, T sound, T bad, double value) {
  SCOPED_TRACE(info(type).name);
  for (size_t n : {1, 3, 16, 17, 300'000}) {
    std::vector<T> values(n, sound);
    EXPECT_FALSE(first_not_finite(type, Unaligned(values).data(), n));
    for (size_t place : {size_t(0), n / 3, n - 1}) {
      values.assign(n, sound);
      values[place] = values[n - 1] = bad;
      const auto found = first_not_finite(type, Unaligned(values).data(), n);
      ASSERT_TRUE(found) << place << " of " << n;
      EXPECT_EQ(found->index, place);
      EXPECT_TRUE(found->value == value || (std::isnan(found->value) && std::isnan(value))) << found->value;
    }
  }
}

TEST(FirstNotFinite, FindsNanAndInfinityInEveryFloatType) {
  for (float bad : {NAN, kInfinity, -kInfinity}) {
    expect_found<float>(DType::F32, 3e38f, bad, double(bad));
    expect_found<double>(DType::F64, 1.5, double(bad), double(bad));
    expect_found<uint16_t>(DType::F16, float_to_f16(65504.0f), float_to_f16(bad), double(bad));
    expect_found<uint16_t>(DType::BF16, float_to_bf16(3e38f), float_to_bf16(bad), double(bad));
  }
}

TEST(FirstNotFinite, ADoubleBeyondFloat32IsNone) { expect_found<double>(DType::F64, -3e38, 1e39, 1e39); }

TEST(FirstNotFinite, LooksAtTheScalesOfBlocksAndAtNothingElse) {
  for (DType type : {DType::Q4_0, DType::Q4_1, DType::Q5_0, DType::Q5_1, DType::Q8_0, DType::Q2_K, DType::Q3_K,
                     DType::Q4_K, DType::Q5_K, DType::Q6_K, DType::IQ4_NL, DType::IQ4_XS}) {
    const size_t bytes = info(type).block_bytes, elements = info(type).block_elements;
    for (size_t at = 0; at + 2 <= bytes; at += 2) {  // the bits of a float16 NaN anywhere in the second of three blocks
      SCOPED_TRACE(std::string(info(type).name) + ", byte " + std::to_string(at));
      std::vector<uint8_t> blocks(3 * bytes, 0);
      blocks[bytes + at] = 1;
      blocks[bytes + at + 1] = 0x7c;
      const auto* data = reinterpret_cast<const std::byte*>(blocks.data());
      std::vector<float> values(3 * elements);
      dequantize(type, data, values.size(), values.data());
      const bool is_finite = std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
      const auto found = first_not_finite(type, data, values.size());
      EXPECT_EQ(found.has_value(), !is_finite);
      if (found) EXPECT_EQ(found->index, elements);
    }
  }
}

TEST(FirstNotFinite, IntegersPass) {
  const std::vector<int32_t> ids = {0x7fc00000, -1};
  EXPECT_FALSE(first_not_finite(DType::I32, reinterpret_cast<const std::byte*>(ids.data()), 2));
}

TEST(RowPeak, IsThePlainVersionsOnEveryInstructionSetAndTail) {
  for (Isa isa : {Isa::Plain, Isa::Avx2, Isa::Avx512}) {
    if (set_isa(isa) != isa) continue;
    SCOPED_TRACE(name(isa));
    for (size_t n : {0, 1, 2, 15, 16, 17, 33, 67, 4096}) {
      for (float odd : {0.0f, -kInfinity, kInfinity, float(NAN), -float(NAN), 3e38f}) {
        for (size_t place = 0; place < std::max<size_t>(n, 1); place += n < 70 ? 1 : 511) {
          std::vector<float> z = random_floats(n, 1, 20.0f);
          if (n > 0) z[place] = odd;
          const RowPeak found = row_peak(z.data(), n), expected = row_peak_plain(z.data(), n);
          EXPECT_EQ(found.highest, expected.highest) << odd << " at " << place << " of " << n;
          EXPECT_EQ(found.is_sound, expected.is_sound) << odd << " at " << place << " of " << n;
        }
      }
    }
  }
  set_isa(Isa::Avx512Bf16);
}

TEST(RowPeak, NegativeRowsHaveANegativePeakAndRemovedTokensAreSound) {
  for (size_t n : {3, 16, 19}) {  // zeros behind the end of a register must not win
    std::vector<float> z(n, -5.0f);
    z[1] = -kInfinity;
    EXPECT_EQ(row_peak(z.data(), n).highest, -5.0f);
    EXPECT_TRUE(row_peak(z.data(), n).is_sound);
  }
}

}  // namespace
}  // namespace limpid::kernels
