#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/training/language_model_loss.h"
#include "limpid/training/optimizer.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using testing_support::as_stored;
using testing_support::for_each_tensor_fixture;
using testing_support::open_golden;
using testing_support::same_tensor_name;
using testing_support::TensorFixture;

/// The padded rows of a fixture, every token but the first a target.
Batch batch_of(const TensorFixture& fixture) {
  const torch::Tensor rows = fixture.tensor("in.rows"), lengths = fixture.tensor("in.lengths");
  std::vector<Example> examples;
  std::vector<uint32_t> chosen;
  for (int64_t r = 0; r < rows.size(0); ++r) {
    examples.push_back({testing_support::token_ids(rows[r], lengths[r]), 0});
    chosen.push_back(uint32_t(r));
  }
  return make_batch(examples, chosen);
}

torch::Tensor mean_loss(const Model& model, const Batch& batch) {
  return LanguageModelLoss(model).sum(batch) / double(batch.targets.size(0));
}

/// The parameter that a checkpoint calls `stored`.
const torch::Tensor& parameter_named(const Model& model, const std::string& stored) {
  for (const auto& [name, parameter] : model.parameters())
    if (same_tensor_name(name, stored)) return parameter;
  throw std::runtime_error("the model has no parameter " + stored);
}

/// Compares value(parameter) with out.KIND.NAME for each NAME that the fixture has.
template <class Value>
void expect_each(const TensorFixture& fixture, const Model& model, const std::string& kind, Value value) {
  const std::string prefix = "out." + kind + ".";
  const std::set<std::string> names = fixture.tensors(prefix);
  EXPECT_FALSE(names.empty()) << "no " << prefix << "* in the fixture";
  const auto untouched = open_golden(fixture.model("model"), TrainingOptions{});
  for (const std::string& name : names) {
    const std::string stored = name.substr(prefix.size());
    EXPECT_TRUE(fixture.matches(as_stored(fixture.model("model"), stored, parameter_named(*untouched, stored),
                                          value(parameter_named(model, stored))),
                                name))
        << name;
  }
}

TEST(FinetuneStepGolden, LossGradientsClippingAndUpdateAgree) {
  for_each_tensor_fixture("finetune_step", [](const TensorFixture& fixture) {
    const Json &in = fixture.in(), &norms = fixture.out().at("parameter_gradient_norms");
    const auto model = open_golden(fixture.model("model"), TrainingOptions{});
    const torch::Tensor loss = mean_loss(*model, batch_of(fixture));
    EXPECT_TRUE(fixture.matches(loss.item<double>(), "loss"));

    AdamW adam(model->parameters(), {in.at("lr"), in.at("betas")[0], in.at("betas")[1], in.at("eps"), in.at("decay")});
    loss.backward();
    EXPECT_EQ(model->parameters().size(), norms.size());
    for (const auto& [stored, norm] : norms.items())
      EXPECT_TRUE(fixture.close(parameter_named(*model, stored).grad().norm().item<double>(), norm.get<double>(),
                                "out.parameter_gradient_norms"))
          << stored;
    expect_each(fixture, *model, "gradient", [](const torch::Tensor& p) { return p.grad(); });
    EXPECT_TRUE(fixture.matches(clip_gradients(adam.parameters(), in.at("clip")), "gradient_norm"));
    adam.step(in.at("lr"));
    expect_each(fixture, *model, "updated", [](const torch::Tensor& p) { return p.detach(); });
  });
}

TEST(LoraGolden, OneLayerMergedAndGradientsAgree) {
  for_each_tensor_fixture("lora", [](const TensorFixture& fixture) {
    const double scale = fixture.in("alpha") / fixture.in("rank");
    const torch::Tensor a = fixture.tensor("in.A").set_requires_grad(true),
                        b = fixture.tensor("in.B").set_requires_grad(true), W = fixture.tensor("in.W"),
                        x = fixture.tensor("in.x");
    const nn::Linear layer(W, torch::Tensor(), torch::kFloat32,
                           std::make_shared<const nn::LowRank>(nn::LowRank{a, b, scale, nullptr}));
    const torch::Tensor y = layer.forward(x), merged = (W + scale * b.mm(a)).detach();
    (y * fixture.tensor("in.dy")).sum().backward();
    EXPECT_TRUE(fixture.matches(y.detach(), "out.y"));
    EXPECT_TRUE(fixture.matches(merged, "out.merged"));
    EXPECT_TRUE(fixture.matches(nn::Linear(merged, torch::Tensor(), torch::kFloat32).forward(x), "out.y"));
    EXPECT_TRUE(fixture.matches(a.grad(), "out.dA"));
    EXPECT_TRUE(fixture.matches(b.grad(), "out.dB"));
  });
}

/// The adapted modules are those whose factors the fixture holds, in.NAME.A and in.NAME.B, by the names of their
/// weights.
TEST(LoraGolden, LossAndAdapterGradientsOfAModelAgree) {
  for_each_tensor_fixture("lora", [](const TensorFixture& fixture) {
    const double scale = fixture.in("alpha") / fixture.in("rank");
    std::map<std::string, torch::Tensor> factors;  // by the name behind "in."
    for (const std::string& name : fixture.tensors("in."))
      if (fixture.has("out." + name.substr(3) + "_gradient"))
        factors[name.substr(3)] = fixture.tensor(name).set_requires_grad(true);
    size_t adapted = 0;
    const auto adapter = [&](const std::string& module, int64_t, int64_t) -> std::shared_ptr<const nn::LowRank> {
      for (const auto& [name, b] : factors) {
        if (!name.ends_with(".B") || !same_tensor_name(name.substr(0, name.size() - 2), module + ".weight")) continue;
        ++adapted;
        return std::make_shared<const nn::LowRank>(
            nn::LowRank{factors.at(name.substr(0, name.size() - 1) + "A"), b, scale, nullptr});
      }
      return nullptr;
    };
    const auto model = open_golden(fixture.model("model"), TrainingOptions{.frozen = true, .adapter = adapter});
    ASSERT_FALSE(factors.empty());
    ASSERT_EQ(2 * adapted, factors.size()) << "modules of the fixture that the model does not have";

    const torch::Tensor loss = mean_loss(*model, batch_of(fixture));
    loss.backward();
    EXPECT_TRUE(fixture.matches(loss.item<double>(), "loss"));
    std::vector<torch::Tensor> all;
    for (const auto& [name, factor] : factors) {
      EXPECT_TRUE(fixture.matches(factor.grad(), "out." + name + "_gradient")) << name;
      all.push_back(factor);
    }
    EXPECT_TRUE(fixture.matches(clip_gradients(all, 0.0), "gradient_norm"));
  });
}

}  // namespace
}  // namespace limpid
