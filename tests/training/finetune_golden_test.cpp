#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/models/save.h"
#include "limpid/training/language_model_loss.h"
#include "limpid/training/optimizer.h"
#include "tests/support/golden.h"

namespace limpid {
namespace {

/// |x - e| <= abs + rel |e| everywhere, with the fixture's own tolerance for `name`.
void expect_within(const Json& about, const std::string& name, const torch::Tensor& found,
                   const torch::Tensor& expected) {
  const Json& tolerance = about["tolerance"];
  double abs = tolerance["abs"], rel = tolerance["rel"];
  if (tolerance.contains("per_name") && tolerance["per_name"].contains(name))
    abs = tolerance["per_name"][name][0], rel = tolerance["per_name"][name][1];
  ASSERT_EQ(found.sizes(), expected.sizes()) << name;
  const torch::Tensor wide = expected.to(torch::kFloat64),
                      excess = (found.to(torch::kFloat64) - wide).abs() - abs - rel * wide.abs();
  EXPECT_LE(excess.max().item<double>(), 0.0)
      << name << " is off by up to " << (found.to(torch::kFloat64) - wide).abs().max().item<double>();
}

/// The padded rows of a fixture, every token but the first a target.
Batch batch_of(const Checkpoint& tensors) {
  const torch::Tensor rows = testing_support::tensor(tensors, "in.rows"),
                      lengths = testing_support::tensor(tensors, "in.lengths");
  std::vector<Example> examples;
  std::vector<uint32_t> chosen;
  for (int64_t r = 0; r < rows.size(0); ++r) {
    examples.push_back({testing_support::ids(rows[r].narrow(0, 0, lengths[r].item<int64_t>())), 0});
    chosen.push_back(uint32_t(r));
  }
  return make_batch(examples, chosen);
}

TEST(FinetuneStepGolden, LossGradientsClippingAndUpdateAgree) {
  const fs::path folder = testing_support::golden_dir() / "methods", file = folder / "finetune_step.json";
  LIMPID_REQUIRE_PATH(file);
  const Json about = read_json(file), &in = about["in"], &out = about["out"];
  const auto tensors = Checkpoint::open(folder / "finetune_step.safetensors");
  const auto model = open_model(folder / about["models"]["model"].get<std::string>(), {.trainable = true});

  const Batch batch = batch_of(*tensors);
  const torch::Tensor loss = LanguageModelLoss(*model).sum(batch) / double(batch.targets.size(0));
  const double abs = about["tolerance"]["abs"], rel = about["tolerance"]["rel"];
  const auto near = [&](const std::string& name, double found, double expected) {
    EXPECT_NEAR(found, expected, abs + rel * std::fabs(expected)) << name;
  };
  near("loss", loss.item<double>(), out["loss"]);

  AdamW adam(model->parameters(), {in["lr"], in["betas"][0], in["betas"][1], in["eps"], in["decay"]});
  loss.backward();
  size_t compared = 0;
  std::map<std::string, std::string> ours;  // by the checkpoint's name
  for (const auto& [name, parameter] : model->parameters()) {
    const std::string stored = stored_tensors(model->config(), {{name, parameter}}).front().first;
    ours[stored] = name;
    ASSERT_TRUE(out["parameter_gradient_norms"].contains(stored)) << stored;
    near(stored, parameter.grad().norm().item<double>(), out["parameter_gradient_norms"][stored]);
    ++compared;
  }
  EXPECT_EQ(compared, out["parameter_gradient_norms"].size());

  const auto each = [&](const std::string& prefix, auto value) {
    size_t count = 0;
    for (const TensorView& view : tensors->tensors()) {
      if (!view.name.starts_with(prefix)) continue;
      const std::string name = ours.at(view.name.substr(prefix.size()));
      const Tensor found =
          stored_tensors(model->config(), {{name, value(model->parameters().at(name))}}).front().second;
      expect_within(about, view.name, found, testing_support::tensor(*tensors, view.name));
      ++count;
    }
    EXPECT_GT(count, 0u) << "no " << prefix << "* in the fixture";
  };
  each("out.gradient.", [](const torch::Tensor& p) { return p.grad(); });
  near("gradient norm", clip_gradients(adam.parameters(), in["clip"]), out["gradient_norm"]);
  adam.step(in["lr"]);
  each("out.updated.", [](const torch::Tensor& p) { return p.detach(); });
}

TEST(LoraGolden, OneLayerMergedAndGradientsAgree) {
  const fs::path folder = testing_support::golden_dir() / "methods", file = folder / "lora.json";
  LIMPID_REQUIRE_PATH(file);
  const Json about = read_json(file);
  const auto tensors = Checkpoint::open(folder / "lora.safetensors");
  const auto in = [&](const char* name) { return testing_support::tensor(*tensors, concat("in.", name)); };
  const double scale = about["in"]["alpha"].get<double>() / about["in"]["rank"].get<double>();
  const torch::Tensor a = in("A").set_requires_grad(true), b = in("B").set_requires_grad(true), W = in("W");
  const nn::Linear layer(W, torch::Tensor(), torch::kFloat32,
                         std::make_shared<const nn::LowRank>(nn::LowRank{a, b, scale, nullptr}));
  const torch::Tensor y = layer.forward(in("x")), merged = W + scale * b.mm(a);
  (y * in("dy")).sum().backward();
  const auto expect = [&](const char* name, const torch::Tensor& found) {
    expect_within(about, concat("out.", name), found.detach(), testing_support::tensor(*tensors, concat("out.", name)));
  };
  expect("y", y);
  expect("merged", merged);
  expect("y", nn::Linear(merged, torch::Tensor(), torch::kFloat32).forward(in("x")));
  expect("dA", a.grad());
  expect("dB", b.grad());
}

TEST(LoraGolden, LossAndAdapterGradientsOfAModelAgree) {
  const fs::path folder = testing_support::golden_dir() / "methods", file = folder / "lora.json";
  LIMPID_REQUIRE_PATH(file);
  const Json about = read_json(file), &out = about["out"];
  const auto tensors = Checkpoint::open(folder / "lora.safetensors");
  const double scale = about["in"]["alpha"].get<double>() / about["in"]["rank"].get<double>();
  std::map<std::string, torch::Tensor> factors;  // by the fixture's name behind "in."
  const auto adapter = [&](const std::string& name, int64_t, int64_t) -> std::shared_ptr<const nn::LowRank> {
    const std::string stored = "transformer." + name + ".weight.";
    if (!tensors->find("in." + stored + "A")) return nullptr;
    for (const char* factor : {"A", "B"})
      factors[stored + factor] = testing_support::tensor(*tensors, "in." + stored + factor).set_requires_grad(true);
    return std::make_shared<const nn::LowRank>(
        nn::LowRank{factors[stored + "A"], factors[stored + "B"], scale, nullptr});
  };
  const auto model = open_model(folder / about["models"]["model"].get<std::string>(),
                                {.trainable = true, .frozen = true, .adapter = adapter});

  const Batch batch = batch_of(*tensors);
  const torch::Tensor loss = LanguageModelLoss(*model).sum(batch) / double(batch.targets.size(0));
  loss.backward();
  const double abs = about["tolerance"]["abs"], rel = about["tolerance"]["rel"];
  const auto near = [&](const char* name, double found) {
    EXPECT_NEAR(found, out[name].get<double>(), abs + rel * out[name].get<double>()) << name;
  };
  near("loss", loss.item<double>());
  std::vector<torch::Tensor> all;
  for (const auto& [name, factor] : factors) {
    const std::string gradient = "out." + name + "_gradient";
    expect_within(about, gradient, factor.grad(), testing_support::tensor(*tensors, gradient));
    all.push_back(factor);
  }
  ASSERT_EQ(all.size(), 6u);
  near("gradient_norm", clip_gradients(all, 0.0));
}

}  // namespace
}  // namespace limpid
