#include "limpid/nn/mlp.h"

#include <gtest/gtest.h>

#include "limpid/core/error.h"

namespace limpid::nn {
namespace {

constexpr std::pair<const char*, Activation> kActivations[] = {{"silu", Activation::Silu},
                                                               {"gelu_new", Activation::GeluTanh},
                                                               {"gelu", Activation::GeluExact},
                                                               {"relu", Activation::Relu}};

/// The definitions, in double.
Tensor activate_in_double(const Tensor& x, Activation kind) {
  const Tensor z = x.to(torch::kFloat64);
  switch (kind) {
    case Activation::Silu: return z / (1 + torch::exp(-z));
    case Activation::GeluTanh: return 0.5 * z * (1 + torch::tanh(std::sqrt(2 / M_PI) * (z + 0.044715 * z.pow(3))));
    case Activation::GeluExact: return 0.5 * z * (1 + torch::erf(z / std::sqrt(2.0)));
    case Activation::Relu: return torch::where(z > 0, z, torch::zeros_like(z));
  }
  return z;
}

TEST(Gated, IsTheActivatedGateTimesUpInPlaceInInferenceAndAnewInTraining) {
  torch::manual_seed(1);
  const Tensor gate = torch::randn({3, 17}), up = torch::randn({3, 17});
  for (const auto& [name, kind] : kActivations) {
    SCOPED_TRACE(name);
    const Tensor expected = activate_in_double(gate, kind) * up.to(torch::kFloat64);
    const Tensor place = gate.clone(), inferred = gated(place, up, kind, /*trainable=*/false);
    EXPECT_EQ(inferred.const_data_ptr<float>(), place.const_data_ptr<float>());
    const Tensor trained = gated(gate.clone().set_requires_grad(true), up, kind, /*trainable=*/true);
    EXPECT_TRUE(torch::allclose(inferred.to(torch::kFloat64), expected, 1e-5, 1e-5));
    EXPECT_TRUE(torch::allclose(trained.detach().to(torch::kFloat64), expected, 1e-5, 1e-5));
  }
}

TEST(Activation, FollowsItsDefinitionOnEveryTailInPlaceInInference) {
  torch::manual_seed(3);
  for (const auto& [name, kind] : kActivations) {
    for (int64_t n : {1, 7, 8, 9, 17, 67}) {
      SCOPED_TRACE(testing::Message() << name << ", n = " << n);
      const Tensor x = torch::randn({n}) * 4, expected = activate_in_double(x, kind);
      const Tensor trained = activate(x.clone().set_requires_grad(true), kind), inferred = activate(x, kind);
      EXPECT_TRUE(torch::allclose(trained.detach().to(torch::kFloat64), expected, 1e-5, 1e-5));
      EXPECT_TRUE(torch::allclose(inferred.to(torch::kFloat64), expected, 1e-5, 1e-5));
      EXPECT_EQ(inferred.const_data_ptr<float>(), x.const_data_ptr<float>());
    }
  }
}

TEST(Activation, IsFoundByItsNameInAConfigAndOthersAreListed) {
  for (const auto& [name, kind] : kActivations) EXPECT_EQ(activation_named(name, ""), kind) << name;
  EXPECT_EQ(activation_named("swish", ""), Activation::Silu);
  EXPECT_EQ(activation_named("gelu_pytorch_tanh", ""), Activation::GeluTanh);
  try {
    activation_named("mish", "config.json");
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(),
                 "config.json: activation \"mish\" is not supported; supported are gelu, gelu_new, gelu_pytorch_tanh, "
                 "relu, silu");
  }
}

TEST(Residual, AddsInPlaceInInferenceAndAnewUnderAutogradAndFromBfloat16) {
  const Tensor x = torch::tensor({1.0f, 2.0f}), y = torch::tensor({10.0f, 20.0f}), sum = torch::tensor({11.0f, 22.0f});
  EXPECT_TRUE(torch::equal(residual(x.clone().set_requires_grad(true), y).detach(), sum));
  EXPECT_TRUE(torch::equal(residual(x, y.to(torch::kBFloat16)), sum));
  EXPECT_TRUE(torch::equal(x, torch::tensor({1.0f, 2.0f})));
  const Tensor added = residual(x, y);
  EXPECT_TRUE(torch::equal(added, sum));
  EXPECT_EQ(added.const_data_ptr<float>(), x.const_data_ptr<float>());
}

}  // namespace
}  // namespace limpid::nn
