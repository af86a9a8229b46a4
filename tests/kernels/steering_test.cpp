#include "limpid/kernels/steering.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "limpid/core/random.h"
#include "limpid/kernels/cpu.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

struct Case {
  size_t heads, width;
  std::vector<float> z, weight, length, threshold;

  Case(size_t heads_in, size_t width_in, uint64_t seed) : heads(heads_in), width(width_in) {
    RandomStream random(seed);
    for (size_t i = 0; i < heads * width; ++i) z.push_back(float(random.next_normal()));
    for (size_t k = 0; k < heads; ++k) {
      double norm = 0.0;
      for (size_t i = 0; i < width; ++i) norm += double(z[k * width + i]) * z[k * width + i];
      for (size_t i = 0; i < width; ++i) z[k * width + i] = float(z[k * width + i] / std::sqrt(norm));
      weight.push_back(random.next_uniform());
      length.push_back(1.0f + random.next_uniform());
      threshold.push_back(0.0f);
    }
  }
  SteeringHeads view(bool gated = false) const {
    return {heads, width, z.data(), weight.data(), length.data(), gated ? threshold.data() : nullptr};
  }
};

std::vector<float> random_row(size_t n, uint64_t seed) {
  RandomStream random(seed, 7);
  std::vector<float> row(n);
  for (float& v : row) v = float(3.0 * random.next_normal());
  return row;
}

double length_of(const float* x, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += double(x[i]) * x[i];
  return std::sqrt(sum);
}

void steer_one(SteeringRule rule, const SteeringHeads& heads, std::vector<float>& row, float strength) {
  float* rows[] = {row.data()};
  steer(rule, heads, rows, std::span(&strength, 1));
}

constexpr SteeringRule kAllRules[] = {SteeringRule::Preserve, SteeringRule::Linear, SteeringRule::Constant,
                                      SteeringRule::AsReleased};

TEST(Steering, TheFastFormEqualsThePlainOneOnEveryInstructionSet) {
  for (Isa isa : {Isa::Plain, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16}) {
    if (set_isa(isa) != isa) continue;
    for (size_t width : {1u, 7u, 16u, 40u, 64u, 256u})
      for (bool gated : {false, true})
        for (SteeringRule rule : kAllRules)
          for (float strength : {0.1f, 0.7f, 2.0f, -0.3f}) {
            const Case c(3, width, width);
            std::vector<float> fast = random_row(3 * width, 5), plain = fast;
            steer_one(rule, c.view(gated), fast, strength);
            steer_plain(rule, c.view(gated), plain.data(), strength);
            for (size_t i = 0; i < fast.size(); ++i)
              ASSERT_NEAR(fast[i], plain[i], 2e-4) << "width " << width << " rule " << int(rule);
          }
  }
  set_isa(Isa::Avx512Bf16);
}

TEST(Steering, PreserveKeepsTheLengthOfEveryHead) {
  const Case c(4, 64, 1);
  std::vector<float> row = random_row(256, 2);
  const std::vector<float> before = row;
  steer_one(SteeringRule::Preserve, c.view(), row, 0.6f);
  for (size_t k = 0; k < 4; ++k) EXPECT_NEAR(length_of(&row[64 * k], 64) / length_of(&before[64 * k], 64), 1.0, 1e-5);
  EXPECT_NE(row, before);
}

TEST(Steering, AWeightOfZeroKeepsTheBitsOfItsHead) {
  Case c(3, 32, 1);
  c.weight[1] = 0.0f;
  for (SteeringRule rule : {SteeringRule::Preserve, SteeringRule::Linear, SteeringRule::Constant}) {
    std::vector<float> row = random_row(96, 3);
    const std::vector<float> before = row;
    steer_one(rule, c.view(), row, 0.5f);
    EXPECT_TRUE(std::equal(row.begin() + 32, row.begin() + 64, before.begin() + 32));
    EXPECT_FALSE(std::equal(row.begin(), row.begin() + 32, before.begin()));
  }
}

TEST(Steering, AGateLeavesHeadsOnTheNeutralSideAlone) {
  Case c(2, 16, 4);
  c.weight = {1.0f, 1.0f};
  std::vector<float> row(32);
  for (size_t i = 0; i < 16; ++i)
    row[i] = 2.0f * c.z[i], row[16 + i] = -2.0f * c.z[16 + i];  // toxic side, neutral side
  row[0] += 0.5f;
  const std::vector<float> before = row;
  steer_one(SteeringRule::Preserve, c.view(/*gated=*/true), row, 0.3f);
  EXPECT_FALSE(std::equal(row.begin(), row.begin() + 16, before.begin()));
  EXPECT_TRUE(std::equal(row.begin() + 16, row.end(), before.begin() + 16));
}

TEST(Steering, ZeroStatesAndZeroDirectionsStayWhatTheyAre) {
  Case c(2, 16, 4);
  std::fill(c.z.begin() + 16, c.z.end(), 0.0f);
  std::vector<float> row = random_row(32, 1);
  std::fill(row.begin(), row.begin() + 16, 0.0f);
  const std::vector<float> before = row;
  for (SteeringRule rule : {SteeringRule::Preserve, SteeringRule::Linear}) {
    steer_one(rule, c.view(), row, 0.5f);
    for (size_t i = 0; i < 32; ++i) EXPECT_NEAR(row[i], before[i], 1e-6);
  }
}

TEST(Steering, RowsDoNotInfluenceOneAnother) {
  const Case c(9, 64, 1);
  std::vector<std::vector<float>> rows;
  std::vector<float*> pointers;
  std::vector<float> strengths;
  for (size_t r = 0; r < 120; ++r) {
    rows.push_back(random_row(576, r));
    strengths.push_back(0.01f * float(r + 1));
  }
  std::vector<std::vector<float>> alone = rows;
  for (auto& row : rows) pointers.push_back(row.data());
  for (size_t threads : {1u, 2u}) {
    set_num_threads(threads);
    auto together = rows;
    for (size_t r = 0; r < rows.size(); ++r) pointers[r] = together[r].data();
    steer(SteeringRule::Preserve, c.view(), pointers, strengths);
    for (size_t r = 0; r < rows.size(); ++r) {
      auto one = alone[r];
      steer_one(SteeringRule::Preserve, c.view(), one, strengths[r]);
      ASSERT_EQ(one, together[r]) << "row " << r << ", " << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace limpid::kernels
