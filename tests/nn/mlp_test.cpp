#include "limpid/nn/mlp.h"

#include <gtest/gtest.h>

#include "limpid/core/error.h"

namespace limpid::nn {
namespace {

/// Changes nothing, keeps what it saw.
struct Seen {
  mutable std::vector<Tensor> inputs, outputs;
  void see(const Tensor& x, const Tensor& y) const {
    inputs.push_back(x.clone());
    outputs.push_back(y.clone());
  }
  void gate(const Tensor& x, Tensor& y) const { see(x, y); }
  void up(const Tensor& x, Tensor& y) const { see(x, y); }
  void down(const Tensor& x, Tensor& y) const { see(x, y); }
};

/// What a method may do: shut the gate.
struct ShutGate {
  void gate(const Tensor&, Tensor& y) const { y.zero_(); }
  void up(const Tensor&, Tensor&) const {}
  void down(const Tensor&, Tensor&) const {}
};

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

struct Matrices {
  Tensor gate = torch::randn({17, 8}), up = torch::randn({17, 8}), down = torch::randn({8, 17});

  GatedMlp mlp(Activation kind, bool training) const {
    const auto layer = [&](const Tensor& w) {
      return training ? Linear(w, Tensor(), torch::kFloat32)
                      : Linear(PackedMatrix::pack(w.const_data_ptr<float>(), size_t(w.size(0)), size_t(w.size(1))),
                               Tensor(), Precision::Exact);
    };
    return {layer(gate), layer(up), layer(down), kind};
  }
};

TEST(GatedMlp, IsDownOfTheActivatedGateTimesUpInInferenceAndTraining) {
  torch::manual_seed(1);
  const Matrices m;
  const Tensor x = torch::randn({3, 8}), wide = x.to(torch::kFloat64);
  const auto times = [](const Tensor& input, const Tensor& weight) {
    return input.matmul(weight.to(torch::kFloat64).t());
  };
  for (const auto& [name, kind] : kActivations) {
    SCOPED_TRACE(name);
    const Tensor expected = times(activate_in_double(times(wide, m.gate), kind) * times(wide, m.up), m.down);
    for (bool training : {false, true})
      EXPECT_TRUE(torch::allclose(m.mlp(kind, training).forward(x, Seen{}).to(torch::kFloat64), expected, 1e-4, 1e-4));
  }
}

TEST(GatedMlp, ShowsInputsAndOutputsOfItsLayersAndLetsThemBeChanged) {
  torch::manual_seed(2);
  const Matrices m;
  const Tensor x = torch::randn({3, 8});
  for (bool training : {false, true}) {
    SCOPED_TRACE(training ? "training" : "inference");
    const GatedMlp mlp = m.mlp(Activation::Silu, training);
    const Seen seen;
    const Tensor y = mlp.forward(x, seen);
    ASSERT_EQ(seen.inputs.size(), 3u);
    EXPECT_TRUE(torch::equal(seen.inputs[0], x));
    EXPECT_TRUE(torch::equal(seen.inputs[1], x));
    EXPECT_TRUE(torch::equal(seen.outputs[0], mlp.gate().forward(x)));
    EXPECT_TRUE(torch::equal(seen.outputs[1], mlp.up().forward(x)));
    EXPECT_TRUE(torch::equal(seen.outputs[2], mlp.down().forward(seen.inputs[2])));
    EXPECT_TRUE(torch::equal(seen.outputs[2], y));
    EXPECT_EQ(mlp.forward(x, ShutGate{}).abs().max().item<float>(), 0.0f);
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
