#include "limpid/nn/experts.h"

#include <gtest/gtest.h>

#include <cmath>

namespace limpid::nn {
namespace {

constexpr int64_t D = 24, F = 40, E = 6;

/// The same weights in float32 under autograd and packed.
struct Layer {
  Tensor router;
  std::vector<std::array<Tensor, 3>> experts;  // gate, up, down

  Layer() {
    torch::manual_seed(3);
    router = torch::randn({E, D});
    for (int64_t e = 0; e < E; ++e)
      experts.push_back({torch::randn({F, D}) / 5, torch::randn({F, D}) / 5, torch::randn({D, F}) / 6});
  }
  static Linear packed(const Tensor& weight, Precision precision) {
    return {kernels::PackedMatrix::pack(weight.const_data_ptr<float>(), size_t(weight.size(0)), size_t(weight.size(1))),
            Tensor(), precision};
  }
  Experts inference(int64_t each = 2, bool whole = true, Precision precision = Precision::Exact) const {
    std::vector<Expert> all;
    for (const auto& [gate, up, down] : experts)
      all.push_back({packed(gate, precision), packed(up, precision), packed(down, precision)});
    return {packed(router, Precision::Exact), std::move(all), each, whole};
  }
  Experts trainable(int64_t each = 2, bool whole = true) const {
    const auto linear = [](const Tensor& weight) { return Linear(weight, Tensor(), torch::kFloat32); };
    std::vector<Expert> all;
    for (const auto& [gate, up, down] : experts) all.push_back({linear(gate), linear(up), linear(down)});
    return {linear(router), std::move(all), each, whole};
  }
};

Tensor inputs(int64_t N) {
  torch::manual_seed(5);
  return torch::randn({N, D});
}

TEST(Experts, AreTheMixtureThatTheirDefinitionSaysInInferenceAndInTraining) {
  const Layer layer;
  const Tensor x = inputs(19);
  for (int64_t each : {int64_t(1), int64_t(2), E})
    for (bool whole : {true, false}) {
      SCOPED_TRACE(testing::Message() << each << " experts, " << (whole ? "whole" : "partial") << " shares");
      const Experts packed = layer.inference(each, whole), trained = layer.trainable(each, whole);
      const Tensor expected = packed.forward_plain(x, Activation::Silu);
      EXPECT_TRUE(torch::allclose(packed.forward(x, Activation::Silu), expected, 1e-5, 1e-5));
      EXPECT_TRUE(torch::allclose(trained.forward(x, Activation::Silu).detach(), expected, 1e-5, 1e-5));
    }
}

TEST(Experts, GiveATokenTheSameBitsAloneAndAmongOthers) {
  const Layer layer;
  const Tensor x = inputs(19);
  for (Precision precision : {Precision::Exact, Precision::BF16, Precision::Int8}) {
    SCOPED_TRACE(name(precision));
    const Experts experts = layer.inference(3, true, precision);
    const Tensor all = experts.forward(x, Activation::Silu);
    for (int64_t t = 0; t < x.size(0); ++t)
      EXPECT_TRUE(torch::equal(experts.forward(x.narrow(0, t, 1), Activation::Silu), all.narrow(0, t, 1)));
  }
}

TEST(Experts, ThatNobodyChoseAreNotRead) {
  Layer layer;
  const Tensor x = inputs(1);
  const Tensor scores = torch::matmul(layer.router, x[0]);
  const int64_t last = scores.argmin().item<int64_t>();
  const Tensor expected = layer.inference().forward(x, Activation::Silu);
  for (Tensor& weight : layer.experts[size_t(last)]) weight.fill_(NAN);
  EXPECT_TRUE(torch::equal(layer.inference().forward(x, Activation::Silu), expected));
}

TEST(Experts, HaveGradientsOfZeroWhereNobodyChoseThemAndElseThoseOfTheDefinition) {
  const Layer layer;
  const Tensor x = inputs(2);
  std::vector<Tensor> weights = {layer.router};
  for (const auto& expert : layer.experts) weights.insert(weights.end(), expert.begin(), expert.end());
  const auto gradients = [&](const Tensor& loss) {
    for (Tensor& weight : weights) weight.mutable_grad() = Tensor();
    loss.backward();
    std::vector<Tensor> all;
    for (const Tensor& weight : weights) all.push_back(weight.grad());
    return all;
  };
  for (Tensor& weight : weights) weight.set_requires_grad(true);
  const Experts experts = layer.trainable();
  const auto found = gradients(experts.forward(x, Activation::Silu).square().sum());
  const auto expected = gradients(experts.forward_plain(x, Activation::Silu).square().sum());
  size_t unread = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    ASSERT_TRUE(found[i].defined()) << i;
    EXPECT_TRUE(torch::allclose(found[i], expected[i], 1e-4, 1e-5)) << i;
    unread += found[i].abs().max().item<float>() == 0;
  }
  EXPECT_GE(unread, size_t(3 * (E - 4)));  // two tokens choose four experts at most
  EXPECT_LT(unread, weights.size());
}

}  // namespace
}  // namespace limpid::nn
