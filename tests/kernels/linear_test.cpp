#include "limpid/kernels/linear.h"

#include <gtest/gtest.h>

#include "limpid/core/error.h"
#include "limpid/kernels/cpu.h"
#include "limpid/kernels/quantize.h"
#include "limpid/kernels/thread_pool.h"
#include "tests/kernels/random_tensor.h"

namespace limpid::kernels {
namespace {

constexpr Precision kPrecisions[] = {Precision::Exact, Precision::BF16, Precision::Int8};
constexpr Isa kIsas[] = {Isa::Plain, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16};
constexpr size_t kMostRows = 33, kRowCounts[] = {1, 2, 3, 7, 8, 15, 16, 17, 25};

/// What the precision leaves of the inputs, so that the product with them must agree to the last float32 digits.
std::vector<float> rounded(std::vector<float> x, size_t in, Precision precision, bool dense) {
  if (precision == Precision::Exact) return x;
  if (precision == Precision::BF16 || dense) {
    for (float& v : x) v = bf16_to_float(float_to_bf16(v));
    return x;
  }
  for (size_t row = 0; row < x.size(); row += in) {
    for (size_t block = row; block < row + in; block += 32) {
      const size_t end = std::min(block + 32, row + in);
      float largest = 0.0f;
      for (size_t i = block; i < end; ++i) largest = std::max(largest, std::fabs(x[i]));
      for (size_t i = block; i < end && largest > 0.0f; ++i) {
        x[i] = largest / 127.0f * std::nearbyint(x[i] * (127.0f / largest));
      }
    }
  }
  return x;
}

std::vector<float> product(const PackedMatrix& weight, const float* x, size_t rows, const float* bias,
                           Precision precision) {
  std::vector<float> y(rows * weight.out(), NAN);
  linear(weight, x, rows, weight.in(), bias, y.data(), weight.out(), precision);
  return y;
}

/// sum |w x| of every output: what rounding errors are measured by.
std::vector<float> magnitudes(const PackedMatrix& weight, const std::vector<float>& x, size_t rows) {
  std::vector<float> channel(weight.in()), out(rows * weight.out());
  for (size_t o = 0; o < weight.out(); ++o) {
    weight.row(o, channel.data());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t i = 0; i < weight.in(); ++i)
        out[r * weight.out() + o] += std::fabs(channel[i] * x[r * weight.in() + i]);
    }
  }
  return out;
}

class Linear : public testing::TestWithParam<DType> {
 protected:
  void TearDown() override { set_isa(Isa::Avx512Bf16), set_num_threads(2); }

  std::vector<size_t> inputs() const {
    if (!is_quantised(GetParam())) return {1, 31, 32, 48, 72, 100, 256};
    if (info(GetParam()).block_elements == 32) return {32, 64, 96, 576};
    return {256, 768};
  }
};

TEST_P(Linear, KeepsTheWeightsExactly) {
  for (size_t in : inputs()) {
    const auto tensor = random_tensor(GetParam(), 19, in, in);
    const auto packed = PackedMatrix::pack(tensor.view);
    std::vector<float> expected(19 * in), row(in);
    dequantize(GetParam(), tensor.bytes.data(), expected.size(), expected.data());
    EXPECT_EQ(packed->out(), 19u);
    EXPECT_EQ(packed->in(), in);
    EXPECT_EQ(packed->dtype(), GetParam());
    for (size_t o = 0; o < 19; ++o) {
      packed->row(o, row.data());
      ASSERT_TRUE(std::equal(row.begin(), row.end(), expected.begin() + o * in)) << "row " << o << ", in = " << in;
    }
    EXPECT_THROW(packed->row(19, row.data()), ShapeError);
  }
}

TEST_P(Linear, MatchesThePlainVersionOnEveryShapePrecisionAndInstructionSet) {
  for (size_t in : inputs()) {
    for (size_t out : {1, 15, 16, 17, 192}) {
      if (out == 192 && in != inputs().back()) continue;
      const auto packed = PackedMatrix::pack(random_tensor(GetParam(), out, in, in + out).view);
      const auto x = random_floats(kMostRows * in, 3), bias = random_floats(out, 4);
      for (Precision precision : kPrecisions) {
        const auto x_hat = rounded(x, in, precision, !is_quantised(GetParam()));
        std::vector<float> expected(kMostRows * out);
        linear_plain(*packed, x_hat.data(), kMostRows, in, bias.data(), expected.data(), out);
        const auto size = magnitudes(*packed, x_hat, kMostRows);
        for (Isa isa : kIsas) {
          if (set_isa(isa) != isa) continue;
          SCOPED_TRACE(testing::Message()
                       << "in " << in << " out " << out << " precision " << int(precision) << " on " << name(isa));
          const auto all = product(*packed, x.data(), kMostRows, bias.data(), precision);
          for (size_t i = 0; i < all.size(); ++i) {
            ASSERT_NEAR(all[i], expected[i], 3e-6f * (size[i] + std::fabs(bias[i % out])))
                << "row " << i / out << ", output " << i % out;
          }
        }
      }
    }
  }
}

TEST_P(Linear, GivesARowTheSameBitsAloneAmongOthersAndOnAnyThreads) {
  const size_t in = inputs().back(), out = 192;
  const auto packed = PackedMatrix::pack(random_tensor(GetParam(), out, in, 5).view);
  const auto x = random_floats(kMostRows * in, 6);
  for (Isa isa : kIsas) {
    if (set_isa(isa) != isa) continue;
    for (Precision precision : kPrecisions) {
      SCOPED_TRACE(testing::Message() << name(isa) << ", precision " << int(precision));
      set_num_threads(1);
      const auto all = product(*packed, x.data(), kMostRows, nullptr, precision);
      for (size_t threads : {1, 2, 3}) {
        set_num_threads(threads);
        for (size_t rows : kRowCounts) {
          for (size_t first : {size_t(0), kMostRows - rows}) {
            const auto some = product(*packed, x.data() + first * in, rows, nullptr, precision);
            ASSERT_EQ(std::memcmp(some.data(), all.data() + first * out, some.size() * sizeof(float)), 0)
                << rows << " rows from " << first << " on " << threads << " threads";
          }
        }
      }
    }
  }
}

TEST_P(Linear, SomeOutputsHaveTheBitsOfAll) {
  const size_t in = inputs().back(), out = 187;
  const auto packed = PackedMatrix::pack(random_tensor(GetParam(), out, in, 5).view);
  const auto x = random_floats(kMostRows * in, 6), bias = random_floats(out, 7);
  std::vector<std::vector<int32_t>> few(kMostRows), many(kMostRows);
  for (size_t r = 0; r < kMostRows; ++r)
    for (int32_t o = 0; o < int32_t(out); ++o) {
      if ((r % 20 == 0 && o % 90 == 3) || (r == 2 && o >= 180))
        few[r].push_back(o);  // so few that tiles are computed one by one
      if (r != 1 && o % 2 == 0) many[r].push_back(o);
    }
  for (Isa isa : kIsas) {
    if (set_isa(isa) != isa) continue;
    for (Precision precision : kPrecisions) {
      const auto all = product(*packed, x.data(), kMostRows, bias.data(), precision);
      for (const auto& wanted : {few, many}) {
        for (size_t threads : {1, 3}) {
          set_num_threads(threads);
          std::vector<float> some(all.size());
          linear_some(*packed, x.data(), kMostRows, in, bias.data(), wanted, some.data(), out, precision);
          for (size_t r = 0; r < kMostRows; ++r)
            for (int32_t o : wanted[r])
              ASSERT_EQ(some[r * out + size_t(o)], all[r * out + size_t(o)])
                  << name(isa) << ", precision " << int(precision) << ", row " << r << ", output " << o;
        }
      }
    }
  }
}

TEST(LinearSome, ComputesNothingForNoOutputsAndRefusesThoseThatAreNotThere) {
  const auto packed = PackedMatrix::pack(random_tensor(DType::F32, 19, 32, 1).view);
  const auto x = random_floats(32, 2);
  std::vector<float> y(19, 5.0f);
  linear_some(*packed, x.data(), 1, 32, nullptr, std::vector<std::vector<int32_t>>{{}}, y.data(), 19, Precision::Exact);
  EXPECT_EQ(y, std::vector<float>(19, 5.0f));
  EXPECT_THROW(linear_some(*packed, x.data(), 1, 32, nullptr, std::vector<std::vector<int32_t>>{{19}}, y.data(), 19,
                           Precision::Exact),
               ShapeError);
}

INSTANTIATE_TEST_SUITE_P(EveryType, Linear,
                         testing::Values(DType::F32, DType::F16, DType::BF16, DType::F64, DType::Q4_0, DType::Q4_1,
                                         DType::Q5_0, DType::Q5_1, DType::Q8_0, DType::Q2_K, DType::Q3_K, DType::Q4_K,
                                         DType::Q5_K, DType::Q6_K, DType::IQ4_NL, DType::IQ4_XS, DType::F8_E4M3,
                                         DType::F8_E5M2, DType::IQ1_S, DType::IQ1_M, DType::IQ2_XXS, DType::IQ2_XS,
                                         DType::IQ2_S, DType::IQ3_XXS, DType::IQ3_S, DType::TQ1_0, DType::TQ2_0,
                                         DType::Q1_0, DType::MXFP4, DType::NVFP4),
                         [](const auto& test) { return std::string(limpid::info(test.param).name); });

TEST(LinearMany, GivesWhatEachMatrixGivesAlone) {
  const size_t in = 256, rows = 5;
  const auto x = random_floats(rows * (in + 3), 1), bias = random_floats(70, 2);
  std::vector<std::shared_ptr<const PackedMatrix>> matrices;
  for (DType type : {DType::Q4_1, DType::Q6_K, DType::Q8_0, DType::BF16, DType::Q4_0, DType::IQ4_NL, DType::Q2_K,
                     DType::F32, DType::Q4_K}) {
    matrices.push_back(PackedMatrix::pack(random_tensor(type, 70, in, 7).view));
  }
  for (Precision precision : kPrecisions) {
    std::vector<std::vector<float>> together(matrices.size(), std::vector<float>(rows * 80, -1.0f));
    std::vector<LinearOutput> outputs;
    for (size_t i = 0; i < matrices.size(); ++i) {
      outputs.push_back({matrices[i].get(), i % 2 ? bias.data() : nullptr, together[i].data(), 80});
    }
    linear_many(outputs.data(), outputs.size(), x.data(), rows, in + 3, precision);
    for (size_t i = 0; i < matrices.size(); ++i) {
      std::vector<float> alone(rows * 80, -1.0f);  // columns 70 to 79 belong to somebody else
      linear(*matrices[i], x.data(), rows, in + 3, outputs[i].bias, alone.data(), 80, precision);
      EXPECT_EQ(together[i], alone) << info(matrices[i]->dtype()).name;
      EXPECT_EQ(alone[70], -1.0f);
    }
  }
}

TEST(LinearMany, RefusesMatricesWithOtherInputs) {
  const std::vector<float> weight(64, 1.0f), x(64, 1.0f);
  const auto a = PackedMatrix::pack(weight.data(), 2, 32), b = PackedMatrix::pack(weight.data(), 1, 64);
  float y[4];
  const LinearOutput outputs[] = {{a.get(), nullptr, y, 2}, {b.get(), nullptr, y + 2, 2}};
  EXPECT_THROW(linear_many(outputs, 2, x.data(), 1, 64, Precision::Exact), ShapeError);
}

TEST(PackedMatrix, RefusesWhatIsNoMatrixOfWeights) {
  auto tensor = random_tensor(DType::Q4_0, 4, 64, 1);
  tensor.view.shape = {256};
  EXPECT_THROW(PackedMatrix::pack(tensor.view), ShapeError);
  tensor.view.shape = {4, 48};  // no whole blocks
  EXPECT_THROW(PackedMatrix::pack(tensor.view), ShapeError);
  tensor.view.shape = {5, 64};  // more rows than bytes
  EXPECT_THROW(PackedMatrix::pack(tensor.view), ShapeError);
  tensor.view.shape = {4, 64};
  tensor.view.dtype = DType::I8;
  EXPECT_THROW(PackedMatrix::pack(tensor.view), ShapeError);
  const float one = 1.0f;
  EXPECT_THROW(PackedMatrix::pack(&one, 1, 1, DType::Q4_K), ShapeError);
}

TEST(PackedMatrix, QuantisesFloatsToEightBitsOnTheWay) {
  const auto weight = random_floats(3 * 48, 1);  // the second block of a row is half empty
  const auto packed = PackedMatrix::pack(weight.data(), 3, 48, DType::Q8_0);
  std::vector<float> row(48);
  for (size_t o = 0; o < 3; ++o) {
    packed->row(o, row.data());
    for (size_t i = 0; i < 48; ++i) EXPECT_NEAR(row[i], weight[o * 48 + i], 3.5f / 127.0f / 2.0f);
  }
  EXPECT_EQ(packed->dtype(), DType::Q8_0);
}

TEST(PackedMatrix, HandlesNoOutputsAndNoRows) {
  const auto empty = PackedMatrix::pack(TensorView{"none", DType::F32, {0, 8}, {}});
  float y = 7.0f;
  const std::vector<float> x(8, 1.0f);
  linear(*empty, x.data(), 1, 8, nullptr, &y, 0, Precision::Int8);
  const auto one = PackedMatrix::pack(x.data(), 1, 8);
  linear(*one, x.data(), 0, 8, nullptr, &y, 1, Precision::Int8);
  EXPECT_EQ(y, 7.0f);
  linear(*one, x.data(), 1, 8, nullptr, &y, 1, Precision::Exact);
  EXPECT_EQ(y, 8.0f);
}

TEST(LinearInt8, HandlesInputsOfZeroAndOfExtremeSize) {
  const std::vector<float> weight(32, 1.0f);
  const auto packed = PackedMatrix::pack(weight.data(), 1, 32, DType::Q8_0);
  for (Isa isa : kIsas) {
    if (set_isa(isa) != isa) continue;
    for (float size : {0.0f, 1e-42f, 1e-30f, 1e30f}) {
      std::vector<float> x(32, size);
      float y = NAN;
      linear(*packed, x.data(), 1, 32, nullptr, &y, 1, Precision::Int8);
      EXPECT_NEAR(y, 32.0f * size, 1e-3f * 32.0f * size + 1e-36f) << size << " on " << name(isa);
    }
  }
}

}  // namespace
}  // namespace limpid::kernels
