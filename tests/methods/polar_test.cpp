#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/core/error.h"
#include "limpid/methods/polar/calibration.h"
#include "limpid/methods/polar/harmoniser.h"

namespace limpid {
namespace {

using namespace polar;

/// Points on a line: class 1 to the right of 0. Source 0 is right, source 1 errs on every fourth, source 2 knows only
/// the far right.
VotedExamples line_examples(int64_t count) {
  VotedExamples examples{torch::linspace(-1, 1, count).unsqueeze(1), torch::empty({count, 3}, torch::kInt64)};
  for (int64_t i = 0; i < count; ++i) {
    const int64_t right = examples.x[i][0].item<float>() > 0.0f;
    examples.votes[i][0] = right;
    examples.votes[i][1] = i % 4 == 0 ? 1 - right : right;
    examples.votes[i][2] = examples.x[i][0].item<float>() > 0.5f ? 1 : kAbstains;
  }
  return examples;
}

GoldExamples gold_of(const VotedExamples& examples) { return {examples.x, examples.votes.select(1, 0)}; }

TEST(Polar, ScalarisersByHand) {
  const auto losses = torch::tensor({{3.0f, 4.0f}, {0.0f, 8.0f}, {0.0f, 0.0f}}), weights = torch::tensor({1.0f, 0.5f});
  const auto is = [&](Scalariser scalariser, std::vector<float> expected) {
    EXPECT_TRUE(torch::allclose(scalarise(losses, weights, scalariser), torch::tensor(expected))) << name(scalariser);
  };
  is(Scalariser::Linear, {5, 4, 0});
  is(Scalariser::Quadratic, {25, 16, 0});
  is(Scalariser::Euclidean, {std::sqrt(13.0f), 4, 0});
  is(Scalariser::Chebyshev, {3, 4, 0});
}

TEST(Polar, ASourceThatAbstainsCostsNothingAndAnExampleWithoutVotesIsLeftOutOfTheMean) {
  const auto logits = torch::zeros({2, 1}), votes = torch::tensor({{1, -1}, {-1, -1}}, torch::kInt64);
  EXPECT_NEAR(harmony_loss(logits, votes, torch::ones({2}), Scalariser::Linear).item<double>(), std::log(2.0), 1e-6);
  EXPECT_THROW(harmony_loss(logits, torch::full({2, 2}, -1, torch::kInt64), torch::ones({2}), Scalariser::Linear),
               ConfigError);
  EXPECT_THROW(source_losses(logits, torch::full({2, 1}, 2, torch::kInt64)), ConfigError) << "there are two classes";
  EXPECT_THROW(source_losses(logits, torch::zeros({3, 1}, torch::kInt64)), ShapeError);
}

TEST(Polar, GradientsStayFiniteWhereEveryLossIsZero) {
  for (const char* text : kScalarisers) {
    auto logits = torch::full({2, 1}, 200.0f).requires_grad_();
    harmony_loss(logits, torch::ones({2, 2}, torch::kInt64), torch::ones({2}), named<Scalariser>(text, "")).backward();
    EXPECT_TRUE(logits.grad().isfinite().all().item<bool>()) << text;
  }
}

TEST(Polar, LearnsWhatItsSourcesAgreeOnWithAndWithoutAHiddenLayer) {
  const VotedExamples examples = line_examples(64);
  for (const int64_t hidden : {0, 100})
    for (const char* text : kScalarisers) {
      HarmoniserOptions options{.scalariser = named<Scalariser>(text, ""), .hidden = hidden};
      options.adamw.learning_rate = 0.05;
      const Harmoniser harmoniser = train_harmoniser(examples, equal_weights(3), gold_of(examples), options);
      const torch::Tensor found = harmoniser.logits(examples.x).squeeze(1) > 0.0;
      const auto share = (found == (examples.votes.select(1, 0) == 1)).to(torch::kFloat64).mean().item<double>();
      EXPECT_GT(share, 0.9) << text << ", hidden " << hidden;
    }
}

TEST(Polar, TheSameSeedGivesTheSameHarmoniserAndItStopsWhereGoldLabelsNoLongerGain) {
  const VotedExamples examples = line_examples(32);
  HarmoniserOptions options;
  options.adamw.learning_rate = 0.05;
  const auto train = [&](const GoldExamples& gold) {
    return train_harmoniser(examples, equal_weights(3), gold, options).layers[0];
  };
  EXPECT_TRUE(torch::equal(train(gold_of(examples)), train(gold_of(examples))));
  const GoldExamples opposite{examples.x, 1 - examples.votes.select(1, 0)};  // every epoch is worse than the first
  EXPECT_LT(train(opposite).abs().max().item<double>(), train(gold_of(examples)).abs().max().item<double>());
  EXPECT_THROW(train_harmoniser({examples.x, torch::full_like(examples.votes, kAbstains)}, equal_weights(3),
                                gold_of(examples), options),
               ConfigError);
}

TEST(Polar, WeightsBySharedGradientsFavourSourcesThatAgree) {
  VotedExamples examples = line_examples(32);
  examples.votes = torch::cat({examples.votes.narrow(1, 0, 2), 1 - examples.votes.narrow(1, 0, 1)}, 1).contiguous();
  const torch::Tensor weights = gradient_weights(examples);
  EXPECT_NEAR(weights.sum().item<double>(), 1.0, 1e-6);
  EXPECT_NEAR(weights[2].item<double>(), 1.0 / 6.0, 1e-6) << "it contradicts the others: only the equal share is left";
  EXPECT_GT(weights[0].item<double>(), weights[2].item<double>());
}

TEST(Polar, CalibrationByHand) {
  const Calibration calibration = calibration_of(std::vector{0.05, 0.15, 0.95, 1e-9}, std::vector{0, 1, 1, 0});
  EXPECT_EQ(calibration.bins[0].count, 1u) << "what is below 1e-8 is left out";
  EXPECT_NEAR(calibration.error, (0.05 + 0.85 + 0.05) / 3.0, 1e-12);
  EXPECT_NEAR(calibration.wrong_minus_right, 0.55 - 0.025, 1e-9);
  EXPECT_EQ(calibration.bins[9].hits, 1.0);
  EXPECT_THROW(calibration_of(std::vector{0.5}, std::vector<int>{}), ShapeError);
}

}  // namespace
}  // namespace limpid
