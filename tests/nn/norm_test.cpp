#include "limpid/nn/norm.h"

#include <gtest/gtest.h>

namespace limpid::nn {
namespace {

constexpr double kEps = 1e-5;
constexpr int64_t kWidths[] = {1, 3, 7, 8, 9, 15, 16, 17, 67};

Tensor wide(const Tensor& x) { return x.detach().to(torch::kFloat64); }

Tensor rms_norm_in_double(const Tensor& x, const Tensor& weight, double offset) {
  return wide(x) / (wide(x).square().mean(-1, true) + kEps).sqrt() * (wide(weight) + offset);
}

Tensor layer_norm_in_double(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor centred = wide(x) - wide(x).mean(-1, true);
  return centred / (centred.square().mean(-1, true) + kEps).sqrt() * wide(weight) + wide(bias);
}

double norm_error(const Tensor& found, const Tensor& expected) {
  return (wide(found) - expected).abs().max().item<double>();
}

TEST(RmsNorm, DividesByTheRootOfTheMeanSquare) {
  const Tensor x = torch::tensor({{1.0f, 7.0f}});  // mean square 25
  EXPECT_LT(norm_error(RmsNorm(torch::tensor({10.0f, 1.0f}), 0.0).forward(x), wide(torch::tensor({{2.0f, 1.4f}}))),
            1e-6);
  EXPECT_LT(norm_error(RmsNorm(torch::tensor({9.0f, 0.0f}), 0.0, /*offset=*/1.0).forward(x),
                       wide(torch::tensor({{2.0f, 1.4f}}))),
            1e-6);
}

TEST(LayerNorm, TakesTheMeanAwayAndMayLackWeightAndBias) {
  const Tensor x = torch::tensor({{1.0f, 3.0f}});  // mean 2, variance 1
  EXPECT_LT(norm_error(LayerNorm(torch::tensor({2.0f, 5.0f}), torch::tensor({0.5f, 0.0f}), 0.0).forward(x),
                       wide(torch::tensor({{-1.5f, 5.0f}}))),
            1e-6);
  EXPECT_LT(norm_error(LayerNorm(Tensor(), Tensor(), 0.0).forward(x), wide(torch::tensor({{-1.0f, 1.0f}}))), 1e-6);
}

TEST(Norms, FollowDoubleArithmeticOnEveryTailInInferenceAndUnderAutograd) {
  torch::manual_seed(1);
  for (int64_t n : kWidths) {
    SCOPED_TRACE(testing::Message() << "n = " << n);
    const Tensor x = torch::randn({3, n}) * 4 + 1, weight = torch::randn({n}), bias = torch::randn({n});
    for (bool training : {false, true}) {
      const Tensor own = weight.clone().set_requires_grad(training);
      for (double offset : {0.0, 1.0})
        EXPECT_LT(norm_error(RmsNorm(own, kEps, offset).forward(x), rms_norm_in_double(x, weight, offset)), 1e-5);
      EXPECT_LT(norm_error(LayerNorm(own, bias, kEps).forward(x), layer_norm_in_double(x, weight, bias)), 2e-5);
    }
  }
}

TEST(Norms, GradientsAreThoseOfTheFormulaInDouble) {
  torch::manual_seed(2);
  const Tensor x = torch::randn({4, 9}), weight = torch::randn({9}), bias = torch::randn({9}),
               up = torch::randn({4, 9});
  const auto gradients = [&](torch::ScalarType type, auto norm) {
    const Tensor own_x = x.to(type, false, true).set_requires_grad(true);
    const Tensor own_weight = weight.to(type, false, true).set_requires_grad(true);
    (norm(own_x, own_weight) * up.to(type)).sum().backward();
    return torch::cat({wide(own_x.grad()), wide(own_weight.grad()).unsqueeze(0)});
  };
  const Tensor rms = gradients(torch::kFloat64, [](const Tensor& x, const Tensor& w) {
    return x / (x.square().mean(-1, true) + kEps).sqrt() * (w + 1.0);
  });
  EXPECT_LT(norm_error(gradients(torch::kFloat32,
                                 [](const Tensor& x, const Tensor& w) { return RmsNorm(w, kEps, 1.0).forward(x); }),
                       rms),
            1e-5);
  const Tensor layer = gradients(torch::kFloat64, [&](const Tensor& x, const Tensor& w) {
    const Tensor centred = x - x.mean(-1, true);
    return centred / (centred.square().mean(-1, true) + kEps).sqrt() * w;
  });
  EXPECT_LT(norm_error(gradients(torch::kFloat32,
                                 [&](const Tensor& x, const Tensor& w) { return LayerNorm(w, bias, kEps).forward(x); }),
                       layer),
            1e-5);
}

TEST(Norms, ARowHasTheSameBitsAloneAndAmongOthersAndHeadsAreRows) {
  torch::manual_seed(3);
  const Tensor x = torch::randn({5, 4, 17}), weight = torch::randn({17}), bias = torch::randn({17});
  const RmsNorm rms(weight, kEps);
  const LayerNorm layer(weight, bias, kEps);
  for (int64_t row : {0, 4}) {
    EXPECT_TRUE(torch::equal(rms.forward(x)[row][3], rms.forward(x[row][3])));
    EXPECT_TRUE(torch::equal(layer.forward(x)[row][3], layer.forward(x[row][3])));
  }
}

}  // namespace
}  // namespace limpid::nn
