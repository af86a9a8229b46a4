#include "limpid/nn/rotary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "limpid/core/error.h"

namespace limpid::nn {
namespace {

using Scaling = RopeConfig::Scaling;

std::vector<double> frequencies_of(int64_t rotary_dim, double theta) {
  std::vector<double> frequencies;
  for (int64_t i = 0; i < rotary_dim; i += 2) frequencies.push_back(std::pow(theta, -double(i) / double(rotary_dim)));
  return frequencies;
}

/// The definition: numbers i and i + half of a head are the parts of a complex number, which is turned by
/// exp(j position frequency[i]). What follows the rotated part of a head stays.
Tensor turn(const Tensor& x, int64_t heads, const std::vector<int32_t>& positions,
            const std::vector<double>& frequencies, double direction = 1.0) {
  Tensor turned = x.detach().to(torch::kFloat64).clone();
  const int64_t head_dim = x.size(1) / heads, half = int64_t(frequencies.size());
  auto at = turned.accessor<double, 2>();
  for (int64_t t = 0; t < x.size(0); ++t)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < half; ++i) {
        double &real = at[t][h * head_dim + i], &imaginary = at[t][h * head_dim + half + i];
        const std::complex<double> z =
            std::complex(real, imaginary) * std::polar(1.0, direction * positions[size_t(t)] * frequencies[size_t(i)]);
        real = z.real();
        imaginary = z.imag();
      }
  return turned;
}

/// Angles of position 1, in radians: the frequencies in use.
std::vector<double> angles_of_one(int64_t rotary_dim, const RopeConfig& rope) {
  const int32_t one[] = {1};
  const RotaryTable table = Rotary(rotary_dim, rope).table(one);
  std::vector<double> angles;
  for (int64_t i = 0; i < rotary_dim / 2; ++i)
    angles.push_back(std::atan2(table.sin[0][i].item<float>(), table.cos[0][i].item<float>()));
  return angles;
}

double rotary_error(const Tensor& found, const Tensor& expected) {
  return (found.detach().to(torch::kFloat64) - expected).abs().max().item<double>();
}

const std::vector<int32_t> kPositions = {0, 1, 2, 31, 500};

TEST(Rotary, TurnsPairsOfHalvesAsComplexNumbersAndLeavesTheRestOfAHead) {
  torch::manual_seed(1);
  for (const auto& [heads, head_dim, rotary_dim] :
       {std::tuple{1, 2, 2}, {3, 8, 8}, {2, 16, 4}, {2, 20, 10}, {1, 64, 64}}) {
    SCOPED_TRACE(testing::Message() << heads << " heads of " << head_dim << ", " << rotary_dim << " rotate");
    const Rotary rotary(rotary_dim, {.theta = 100.0});
    const Tensor x = torch::randn({5, heads * head_dim});
    const Tensor expected = turn(x, heads, kPositions, frequencies_of(rotary_dim, 100.0));
    const RotaryTable table = rotary.table(kPositions);
    EXPECT_LT(rotary_error(rotary.apply(x.clone(), heads, table), expected), 1e-4);
    EXPECT_LT(rotary_error(rotary.apply(x.clone().set_requires_grad(true), heads, table), expected), 1e-4);
    EXPECT_TRUE(torch::equal(rotary.apply(x.clone(), heads, table)[0], x[0])) << "position 0";
  }
}

TEST(Rotary, AQuarterTurnSwapsTheHalves) {
  const double quarter = std::numbers::pi / 2;  // theta^0 = 1 radian a position; linear scaling makes it a quarter turn
  const Rotary rotary(2, {.scaling = Scaling::kLinear, .factor = 1.0 / quarter});
  const int32_t positions[] = {1};
  EXPECT_LT(rotary_error(rotary.apply(torch::tensor({{3.0f, 4.0f}}), 1, rotary.table(positions)),
                         torch::tensor({{-4.0, 3.0}}, torch::kFloat64)),
            1e-6);
}

TEST(Rotary, GradientsAreTurnedBack) {
  torch::manual_seed(2);
  const Rotary rotary(6, {.theta = 100.0});
  const Tensor x = torch::randn({5, 16}).set_requires_grad(true), up = torch::randn({5, 16});
  (rotary.apply(x, /*heads=*/2, rotary.table(kPositions)) * up).sum().backward();
  EXPECT_LT(rotary_error(x.grad(), turn(up, 2, kPositions, frequencies_of(6, 100.0), -1.0)), 1e-4);
}

TEST(Rotary, WorksInPlaceOnSlicesOfAWiderTensorInInference) {
  torch::manual_seed(3);
  const Rotary rotary(4, {});
  const Tensor fused = torch::randn({5, 24}), before = fused.clone(), slice = fused.narrow(1, 8, 8);
  const Tensor turned = rotary.apply(slice, /*heads=*/2, rotary.table(kPositions));
  EXPECT_EQ(turned.const_data_ptr<float>(), slice.const_data_ptr<float>());
  EXPECT_LT(rotary_error(slice, turn(before.narrow(1, 8, 8), 2, kPositions, frequencies_of(4, 10000.0))), 1e-4);
  EXPECT_TRUE(torch::equal(fused.narrow(1, 0, 8), before.narrow(1, 0, 8)));
  EXPECT_TRUE(torch::equal(fused.narrow(1, 16, 8), before.narrow(1, 16, 8)));
}

TEST(Rotary, Llama3ScalingKeepsShortWavesStretchesLongOnesAndBlendsThoseBetween) {
  const RopeConfig rope{.theta = 10000.0,
                        .scaling = Scaling::kLlama3,
                        .factor = 8.0,
                        .low_freq_factor = 1.0,
                        .high_freq_factor = 4.0,
                        .original_max_position = 64};
  const std::vector<double> found = angles_of_one(16, rope), plain = frequencies_of(16, 10000.0);
  EXPECT_NEAR(found[0], plain[0], 1e-6);  // wavelength 6.3, below 64 / 4
  for (size_t i : {1, 2}) {               // 19.9 and 62.8: between 64 / 4 and 64 / 1
    const double share = (64.0 * plain[i] / (2 * std::numbers::pi) - 1.0) / (4.0 - 1.0);
    EXPECT_NEAR(found[i], plain[i] * (share + (1.0 - share) / 8.0), 1e-6);
  }
  for (size_t i = 3; i < 8; ++i) EXPECT_NEAR(found[i], plain[i] / 8.0, 1e-7);
}

TEST(Rotary, LinearScalingAndDivisorsSlowTheTurning) {
  const std::vector<double> plain = frequencies_of(4, 10000.0),
                            linear = angles_of_one(4, {.scaling = Scaling::kLinear, .factor = 4.0}),
                            divided = angles_of_one(4, {.scaling = Scaling::kDivisors, .divisors = {1.0f, 5.0f}});
  for (size_t i : {0, 1}) EXPECT_NEAR(linear[i], plain[i] / 4.0, 1e-7);
  EXPECT_NEAR(divided[0], plain[0], 1e-7);
  EXPECT_NEAR(divided[1], plain[1] / 5.0, 1e-7);
}

TEST(Rotary, RefusesAScalingThatNoFamilyHasByItsName) {
  try {
    Rotary(4, {.scaling = Scaling::kOther, .type_name = "yarn"});
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("\"yarn\" is not supported"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace limpid::nn
