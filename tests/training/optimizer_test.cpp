#include "limpid/training/optimizer.h"

#include <gtest/gtest.h>
#include <torch/optim/adamw.h>

#include "limpid/core/error.h"

namespace limpid {
namespace {

using torch::Tensor;

Tensor parameter(Tensor value) { return value.set_requires_grad(true); }

TEST(AdamW, MovesByTheLearningRateOnItsFirstStep) {
  const Tensor p = parameter(torch::tensor({1.0f, 1.0f, 1.0f}));
  AdamW adam({{"p", p}}, {.weight_decay = 0.5});
  (p * torch::tensor({2.0f, -3.0f, 0.0f})).sum().backward();
  adam.step(0.1);
  EXPECT_TRUE(torch::allclose(p, torch::tensor({0.9f, 1.1f, 1.0f}), 0, 1e-6)) << "vectors are not decayed";
}

TEST(AdamW, DecaysMatricesApartFromTheGradient) {
  const Tensor p = parameter(torch::full({1, 2}, 1.0f));
  AdamW adam({{"p", p}}, {.weight_decay = 0.5});
  (p * 0).sum().backward();
  adam.step(0.1);
  EXPECT_TRUE(torch::allclose(p, torch::full({1, 2}, 0.95f)));
}

TEST(AdamW, FollowsTorchOverManySteps) {
  torch::manual_seed(1);
  const Tensor start = torch::randn({7, 5});
  const Tensor ours = parameter(start.clone()), theirs = parameter(start.clone());
  AdamW adam({{"p", ours}}, {.weight_decay = 0.1});
  torch::optim::AdamW reference({theirs}, torch::optim::AdamWOptions(0.01).weight_decay(0.1));
  for (int i = 0; i < 50; ++i) {
    const Tensor direction = torch::randn({7, 5});
    adam.zero_grad();
    reference.zero_grad();
    (ours * direction).sum().backward();
    (theirs * direction).sum().backward();
    adam.step(0.01);
    reference.step();
  }
  EXPECT_TRUE(torch::allclose(ours, theirs, 1e-5, 1e-6)) << (ours - theirs).abs().max().item<float>();
}

TEST(AdamW, ContinuesToTheSameBitsFromASavedState) {
  torch::manual_seed(2);
  const Tensor start = torch::randn({4, 3});
  std::vector<Tensor> directions;
  for (int i = 0; i < 6; ++i) directions.push_back(torch::randn({4, 3}));
  const auto advance = [&](AdamW& adam, const Tensor& p, int from, int to) {
    for (int i = from; i < to; ++i) {
      adam.zero_grad();
      (p * directions[size_t(i)]).sum().backward();
      adam.step(0.01);
    }
  };
  const Tensor whole = parameter(start.clone()), first = parameter(start.clone()),
               second = parameter(torch::zeros_like(start));
  AdamW all({{"p", whole}}, {}), before({{"p", first}}, {}), after({{"p", second}}, {});
  advance(all, whole, 0, 6);
  advance(before, first, 0, 3);
  for (auto& [name, tensor] : after.state()) tensor.copy_(before.state().at(name));
  after.set_steps(before.steps());
  advance(after, second, 3, 6);
  EXPECT_TRUE(torch::equal(whole, second));
}

TEST(AdamW, TrainsOnlyWhatAsksForAGradient) {
  const Tensor trained = parameter(torch::ones({2})), frozen = torch::ones({2});
  const AdamW adam({{"a", trained}, {"b", frozen}}, {});
  EXPECT_EQ(adam.parameters().size(), 1u);
  EXPECT_TRUE(adam.state().contains("a.adam_m"));
}

TEST(ClipGradients, ScalesToTheLimitAndReturnsTheNormBefore) {
  const Tensor a = parameter(torch::zeros({1})), b = parameter(torch::zeros({1}));
  (a * 3 + b * 4).sum().backward();
  EXPECT_DOUBLE_EQ(clip_gradients({a, b}, 0.0), 5.0);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 3.0f) << "0 does not clip";
  EXPECT_DOUBLE_EQ(clip_gradients({a, b}, 1.0), 5.0);
  EXPECT_NEAR(a.grad().item<float>(), 0.6, 1e-6);
  EXPECT_NEAR(clip_gradients({a, b}, 10.0), 1.0, 1e-6);
}

TEST(ScheduledRate, WarmsUpAndDecaysInStraightLines) {
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 0, 4, 12), 0.25);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 3, 4, 12), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 4, 4, 12), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 8, 4, 12), 0.5);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 12, 4, 12), 0.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 0, 0, 2), 1.0);
}

TEST(ScheduledRate, FollowsACosineOrStaysAfterTheWarmUp) {
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 1, 4, 12, Schedule::Cosine), 0.5);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 4, 4, 12, Schedule::Cosine), 1.0);
  EXPECT_NEAR(scheduled_rate(1.0, 8, 4, 12, Schedule::Cosine), 0.5, 1e-12);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 12, 4, 12, Schedule::Cosine), 0.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(1.0, 11, 4, 12, Schedule::Constant), 1.0);
  EXPECT_THROW(named<Schedule>("steps", "schedule"), ConfigError);
}

}  // namespace
}  // namespace limpid
