#include "limpid/kernels/experts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace limpid::kernels {
namespace {

std::vector<Share> chosen(const std::vector<float>& scores, size_t count, bool whole) {
  std::vector<Share> shares(count);
  choose_experts(scores.data(), 1, scores.size(), count, whole, shares.data());
  return shares;
}

const std::vector<float> kScores = {std::log(1.0f), std::log(5.0f), std::log(2.0f), std::log(4.0f)};  // of 12

TEST(ChooseExperts, TakesTheLargestScoresInTheOrderOfTheExperts) {
  const auto shares = chosen(kScores, 2, /*whole=*/true);
  EXPECT_EQ(shares[0].expert, 1);
  EXPECT_EQ(shares[1].expert, 3);
  EXPECT_NEAR(shares[0].weight, 5.0 / 9, 1e-6);
  EXPECT_NEAR(shares[1].weight, 4.0 / 9, 1e-6);
}

TEST(ChooseExperts, SharesThatAreNotWholeArePartsOfAllExperts) {
  const auto shares = chosen(kScores, 2, /*whole=*/false);
  EXPECT_NEAR(shares[0].weight, 5.0 / 12, 1e-6);
  EXPECT_NEAR(shares[1].weight, 4.0 / 12, 1e-6);
  double sum = 0;
  for (const Share& share : chosen(kScores, 4, /*whole=*/false)) sum += share.weight;
  EXPECT_NEAR(sum, 1, 1e-6);
}

TEST(ChooseExperts, OfEqualScoresTheFirstOnesCount) {
  const auto shares = chosen({1, 2, 1, 1}, 3, true);
  EXPECT_EQ(shares[0].expert, 0);
  EXPECT_EQ(shares[1].expert, 1);
  EXPECT_EQ(shares[2].expert, 2);
}

TEST(ChooseExperts, DoesNotOverflow) {
  const auto shares = chosen({3e38f, -3e38f, 3e38f}, 2, true);
  EXPECT_EQ(shares[0].weight, 0.5f);
  EXPECT_EQ(shares[1].weight, 0.5f);
}

TEST(ChooseExperts, ScoresThatAreNotNumbersMakeSharesThatAreNot) {
  for (const Share& share : chosen({NAN, NAN, NAN, NAN}, 2, true)) {
    EXPECT_TRUE(share.expert >= 0 && share.expert < 4);
    EXPECT_TRUE(std::isnan(share.weight));
  }
}

TEST(ChooseExperts, RowsDoNotSeeOneAnother) {
  std::vector<float> scores = kScores;
  scores.insert(scores.end(), {9, 0, NAN, 9});
  scores.insert(scores.end(), kScores.begin(), kScores.end());
  std::vector<Share> shares(6);
  choose_experts(scores.data(), 3, 4, 2, true, shares.data());
  const auto alone = chosen(kScores, 2, true);
  for (size_t row : {0, 2})
    for (size_t c = 0; c < 2; ++c) {
      EXPECT_EQ(shares[row * 2 + c].expert, alone[c].expert);
      EXPECT_EQ(shares[row * 2 + c].weight, alone[c].weight);
    }
}

}  // namespace
}  // namespace limpid::kernels
