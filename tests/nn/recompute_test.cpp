#include "limpid/nn/recompute.h"

#include <gtest/gtest.h>

namespace limpid::nn {
namespace {

/// Gradients of x (undefined where it asks for none) and of a leaf inside the function, and the result.
struct Outcome {
  Tensor y, x_gradient, leaf_gradient;
  int calls = 0;
};

Outcome outcome_of(bool recompute, bool x_wants_gradient) {
  torch::manual_seed(1);
  const Tensor x = torch::randn({4, 6}).set_requires_grad(x_wants_gradient),
               weight = torch::randn({6, 6}).set_requires_grad(true), up = torch::randn({4, 6});
  Outcome outcome;
  const auto f = [&outcome, weight](Tensor z) {
    ++outcome.calls;
    return torch::tanh(torch::linear(z, weight)) * z.sum(1, /*keepdim=*/true);
  };
  const Tensor y = recompute ? recomputed(f, x) : f(x);
  (y * up).sum().backward();
  outcome.y = y.detach();
  outcome.x_gradient = x.grad();
  outcome.leaf_gradient = weight.grad();
  return outcome;
}

TEST(Recomputed, GivesTheResultAndTheGradientsOfTheFunctionToTheBit) {
  const Outcome plain = outcome_of(false, true), again = outcome_of(true, true);
  EXPECT_EQ(plain.calls, 1);
  EXPECT_EQ(again.calls, 2) << "once forward, once in backward";
  EXPECT_TRUE(torch::equal(again.y, plain.y));
  EXPECT_TRUE(torch::equal(again.x_gradient, plain.x_gradient));
  EXPECT_TRUE(torch::equal(again.leaf_gradient, plain.leaf_gradient));
}

TEST(Recomputed, LeavesInsideTheFunctionLearnWhereItsInputAsksForNoGradient) {
  const Outcome plain = outcome_of(false, false), again = outcome_of(true, false);
  EXPECT_FALSE(again.x_gradient.defined());
  EXPECT_TRUE(torch::equal(again.leaf_gradient, plain.leaf_gradient));
}

TEST(Recomputed, ChainsOfThemAccumulateInOneLeafAsWithoutThem) {
  const auto gradients = [](bool recompute) {
    torch::manual_seed(2);
    const Tensor x = torch::randn({3, 5}).set_requires_grad(true),
                 weight = torch::randn({5, 5}).set_requires_grad(true);
    Tensor y = x;
    for (int layer = 0; layer < 3; ++layer) {
      const auto f = [weight](Tensor z) { return z + torch::tanh(torch::linear(z, weight)); };
      y = recompute ? recomputed(f, y) : f(y);
    }
    y.square().sum().backward();
    return std::pair{x.grad(), weight.grad()};
  };
  const auto plain = gradients(false), again = gradients(true);
  EXPECT_TRUE(torch::equal(again.first, plain.first));
  EXPECT_TRUE(torch::equal(again.second, plain.second));
}

TEST(Recomputed, AFunctionThatWorksInPlaceLeavesAnInputWithoutGradientAsItWas) {
  const Tensor x = torch::tensor({1.0f, 2.0f}), leaf = torch::tensor({3.0f, 4.0f}).set_requires_grad(true);
  const Tensor y = recomputed([leaf](Tensor z) { return z.mul_(2.0) * leaf; }, x);
  EXPECT_TRUE(torch::equal(y.detach(), torch::tensor({6.0f, 16.0f})));
  y.sum().backward();
  EXPECT_TRUE(torch::equal(leaf.grad(), torch::tensor({2.0f, 4.0f})));
  EXPECT_TRUE(torch::equal(x, torch::tensor({1.0f, 2.0f})));
}

}  // namespace
}  // namespace limpid::nn
