#include "limpid/training/cross_entropy.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "limpid/core/error.h"
#include "limpid/core/random.h"
#include "limpid/training/softmax_rows.h"

namespace limpid {
namespace {

using torch::Tensor;

Tensor random_tensor(int64_t rows, int64_t columns, uint64_t seed, double scale = 1.0) {
  RandomStream random(seed);
  Tensor values = torch::empty({rows, columns}, torch::kFloat32);
  for (int64_t i = 0; i < values.numel(); ++i) values.data_ptr<float>()[i] = float(scale * random.next_normal());
  return values;
}

Tensor random_targets(int64_t rows, int64_t vocabulary, uint64_t seed) {
  RandomStream random(seed);
  Tensor targets = torch::empty({rows}, torch::kInt64);
  for (int64_t i = 0; i < rows; ++i) targets.data_ptr<int64_t>()[i] = int64_t(random.next_below(uint64_t(vocabulary)));
  return targets;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

TEST(SoftmaxMinusOneHot, GivesNumbersOneCanCheckByHand) {
  float logits[] = {0.0f, std::log(3.0f)}, scratch[2];
  EXPECT_NEAR(softmax_minus_one_hot(logits, 2, 0, scratch), std::log(4.0), 1e-6);
  EXPECT_NEAR(logits[0], 0.25 - 1.0, 1e-6);
  EXPECT_NEAR(logits[1], 0.75, 1e-6);
}

TEST(SoftmaxMinusOneHot, MatchesThePlainVersionOnEveryTail) {
  for (int64_t n : {1, 2, 15, 16, 17, 31, 33, 1023, 1024, 1025, 5000}) {
    SCOPED_TRACE(testing::Message() << "n = " << n);
    const Tensor values = random_tensor(1, n, uint64_t(n), 8.0);
    Tensor fast = values.clone(), plain = values.to(torch::kFloat64);
    std::vector<float> scratch(size_t(n), 0.0f);
    const int64_t target = n / 2;
    const double expected = softmax_minus_one_hot_plain(plain.data_ptr<double>(), n, target);
    EXPECT_NEAR(negative_log_softmax(values.data_ptr<float>(), n, target), expected, 1e-5);
    EXPECT_NEAR(softmax_minus_one_hot(fast.data_ptr<float>(), n, target, scratch.data()), expected, 1e-5);
    EXPECT_LT(largest_difference(fast, plain), 1e-6);
  }
}

TEST(SoftmaxMinusOneHot, SurvivesExtremeLogitsAndDoesNotHideBrokenOnes) {
  std::vector<float> scratch(4);
  float huge[] = {3e38f, -3e38f, 0.0f, -INFINITY};
  EXPECT_NEAR(softmax_minus_one_hot(huge, 4, 0, scratch.data()), 0.0, 1e-6);
  for (float value : huge) EXPECT_NEAR(value, 0.0, 1e-6);
  float broken[] = {1.0f, NAN, 0.0f, 0.0f};
  EXPECT_TRUE(std::isnan(softmax_minus_one_hot(broken, 4, 0, scratch.data())));
}

TEST(LinearCrossEntropyPlain, HasTheGradientsOfFiniteDifferences) {
  const Tensor hidden = random_tensor(3, 4, 1).to(torch::kFloat64), weight = random_tensor(6, 4, 2).to(torch::kFloat64);
  const Tensor targets = torch::tensor({5, 0, 2}, torch::kInt64);
  const auto exact = linear_cross_entropy_plain(hidden, weight, targets);
  const double h = 1e-6;
  const auto slope = [&](Tensor& moved, int64_t i) {
    double* value = moved.data_ptr<double>() + i;
    const double before = *value;
    *value = before + h;
    const double above = linear_cross_entropy_plain(hidden, weight, targets).loss;
    *value = before - h;
    const double below = linear_cross_entropy_plain(hidden, weight, targets).loss;
    *value = before;
    return (above - below) / (2 * h);
  };
  Tensor moved_hidden = hidden, moved_weight = weight;
  for (int64_t i = 0; i < hidden.numel(); ++i)
    EXPECT_NEAR(slope(moved_hidden, i), exact.hidden.data_ptr<double>()[i], 1e-7);
  for (int64_t i = 0; i < weight.numel(); ++i)
    EXPECT_NEAR(slope(moved_weight, i), exact.weight.data_ptr<double>()[i], 1e-7);
}

TEST(LinearCrossEntropy, MatchesThePlainVersionForEveryChunking) {
  const Tensor hidden = random_tensor(37, 24, 3), weight = random_tensor(301, 24, 4),
               targets = random_targets(37, 301, 5);
  const auto plain = linear_cross_entropy_plain(hidden, weight, targets);
  for (int64_t chunk : {1, 5, 37, 100}) {
    SCOPED_TRACE(testing::Message() << "chunks of " << chunk);
    const Tensor h = hidden.clone().set_requires_grad(true), w = weight.clone().set_requires_grad(true);
    const Tensor loss = linear_cross_entropy(h, w, targets, {.chunk_rows = chunk});
    EXPECT_NEAR(loss.item<double>(), plain.loss, 1e-5 * plain.loss);
    (loss * 0.5).backward();
    EXPECT_LT(largest_difference(h.grad() * 2, plain.hidden), 2e-5);
    EXPECT_LT(largest_difference(w.grad() * 2, plain.weight), 2e-5);
  }
}

TEST(LinearCrossEntropy, InBfloat16StaysWithinItsRounding) {
  const Tensor hidden = random_tensor(64, 48, 6), weight = random_tensor(512, 48, 7, 0.3),
               targets = random_targets(64, 512, 8);
  const auto plain = linear_cross_entropy_plain(hidden, weight, targets);
  const Tensor h = hidden.clone().set_requires_grad(true);
  const Tensor loss =
      linear_cross_entropy(h, weight.to(torch::kBFloat16), targets, {.compute = torch::kBFloat16, .chunk_rows = 16});
  EXPECT_NEAR(loss.item<double>(), plain.loss, 5e-3 * plain.loss);
  loss.backward();
  EXPECT_LT(largest_difference(h.grad(), plain.hidden), 0.03 * plain.hidden.abs().max().item<double>());
}

TEST(LinearCrossEntropy, LeavesAFrozenOutputMatrixWithoutAGradient) {
  const Tensor h = random_tensor(3, 4, 1).set_requires_grad(true), w = random_tensor(6, 4, 2),
               targets = random_targets(3, 6, 3);
  linear_cross_entropy(h, w, targets).backward();
  EXPECT_TRUE(h.grad().defined());
  EXPECT_FALSE(w.grad().defined());
  EXPECT_EQ(linear_cross_entropy(h.narrow(0, 0, 0), w, targets.narrow(0, 0, 0)).item<double>(), 0.0);
}

TEST(LinearCrossEntropy, RefusesTargetsOutsideTheVocabulary) {
  const Tensor h = random_tensor(2, 4, 1), w = random_tensor(6, 4, 2);
  EXPECT_THROW(linear_cross_entropy(h, w, torch::tensor({0, 6}, torch::kInt64)), ShapeError);
  EXPECT_THROW(linear_cross_entropy(h, w, torch::tensor({-1, 0}, torch::kInt64)), ShapeError);
  EXPECT_THROW(linear_cross_entropy(h, w, torch::tensor({0}, torch::kInt64)), ShapeError);
}

}  // namespace
}  // namespace limpid
