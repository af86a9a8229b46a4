#include "limpid/training/lora.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/training/language_model_loss.h"
#include "limpid/training/lora_adapters.h"
#include "tests/support/family_model.h"
#include "tests/training/slope.h"
#include "tests/training/toy_run.h"
#include "tests/training/toy_tokenizer.h"

namespace limpid {
namespace {

using testing_support::Crash;
using testing_support::message_of;
using testing_support::TempDir;

struct Setting {
  TempDir dir;
  fs::path data = testing_support::write_texts(dir);
  fs::path llama = testing_support::write_tiny_llama(dir.path() / "llama", 2);
  fs::path gpt2 = testing_support::write_tiny_gpt2(dir.path() / "gpt2", 2);
  fs::path gemma = testing_support::write_tiny_gemma3(dir.path() / "gemma", 2);

  LoraOptions options(const std::string& output) const {
    LoraOptions o;
    testing_support::small_run(o, llama, data, dir.path() / output);
    o.adapter = {.rank = 4, .alpha = 8.0};
    return o;
  }
};

/// A frozen model with adapters whose B is not zero.
struct Adapted {
  LoraAdapters adapters;
  std::shared_ptr<Model> model;

  Adapted(const fs::path& base, const PeftConfig& config, torch::ScalarType compute = torch::kFloat32,
          bool recompute = false)
      : adapters(config, 3) {
    const auto make = [&](const std::string& name, int64_t out, int64_t in) { return adapters.make(name, out, in); };
    model =
        open_model(base, TrainingOptions{.compute = compute, .frozen = true, .recompute = recompute, .adapter = make});
    torch::NoGradGuard no_grad;
    RandomStream random(5);
    for (const auto& [name, parameter] : adapters.parameters())
      if (name.ends_with(".lora_B"))
        for (int64_t i = 0; i < parameter.numel(); ++i)
          parameter.data_ptr<float>()[i] = 0.05f * float(random.next_normal());
  }
  torch::Tensor loss(const std::vector<Example>& examples) const {
    std::vector<uint32_t> chosen(examples.size());
    for (size_t i = 0; i < chosen.size(); ++i) chosen[i] = uint32_t(i);
    return LanguageModelLoss(*model).sum(make_batch(examples, chosen));
  }
};

const std::vector<Example> kExamples = {{{10, 20, 30, 40, 50, 60}, 2}, {{11, 21, 33}, 0}};

TEST(Lora, LowersTheLossOfEveryFamilyAndLeavesOnlyAnAdapter) {
  const Setting setting;
  for (const fs::path& base : {setting.llama, setting.gpt2, setting.gemma}) {
    for (const ComputeType compute : {ComputeType::F32, ComputeType::BF16}) {
      SCOPED_TRACE(testing::Message() << base.filename() << " in " << name(compute));
      LoraOptions options = setting.options(base.filename().string() + "-" + name(compute));
      options.base = base;
      options.compute = compute;
      options.max_steps = 30;
      options.adamw.learning_rate = 2e-2;
      const TrainingReport report = train_lora(options);
      EXPECT_LT(report.progress.best_loss, 0.8 * report.progress.first_loss);
      EXPECT_FALSE(fs::exists(options.output / "model.safetensors"));
      const auto adapter = PeftAdapter::open(options.output);
      EXPECT_EQ(adapter->config().rank, 4);
      EXPECT_EQ(adapter->config().fan_in_fan_out, base == setting.gpt2);
      EXPECT_EQ(adapter->modules().size(), base == setting.gpt2 ? 8u : 14u);
      EXPECT_EQ(adapter->modules()[0].name,
                base == setting.gpt2 ? "transformer.h.0.attn.c_attn" : "model.layers.0.mlp.down_proj");
    }
  }
}

TEST(Lora, StartsAsItsBase) {
  const Setting setting;
  LoraAdapters adapters({.rank = 4}, 1);
  const auto make = [&](const std::string& name, int64_t out, int64_t in) { return adapters.make(name, out, in); };
  const auto adapted = open_model(setting.llama, TrainingOptions{.frozen = true, .adapter = make}),
             plain = open_model(setting.llama, TrainingOptions{});
  const std::vector<uint32_t> chosen = {0, 1};
  const Batch batch = make_batch(kExamples, chosen);
  EXPECT_NEAR(LanguageModelLoss(*adapted).sum(batch).item<double>(),
              LanguageModelLoss(*plain).sum(batch).item<double>(), 1e-4);
}

TEST(Lora, HasTheGradientsOfFiniteDifferences) {
  const Setting setting;
  for (const fs::path& base : {setting.llama, setting.gpt2, setting.gemma}) {
    const Adapted adapted(base, {.rank = 4, .alpha = 8.0});
    adapted.loss(kExamples).backward();
    SCOPED_TRACE(base.filename().string());
    testing_support::expect_gradients_are_slopes(adapted.adapters.parameters(),
                                                 [&] { return adapted.loss(kExamples).item<double>(); });
  }
}

TEST(Lora, MergedIsTheSameModel) {
  const Setting setting;
  for (const fs::path& base : {setting.llama, setting.gpt2, setting.gemma}) {
    LoraOptions options = setting.options(base.filename().string() + "-merged");
    options.base = base;
    options.merge = true;
    train_lora(options);
    // The adapter as it lies in the folder, beside the base.
    const auto adapter = PeftAdapter::open(options.output);
    const auto beside = [&](const std::string& name, int64_t out, int64_t in) -> std::shared_ptr<const nn::LowRank> {
      for (const PeftModule& module : adapter->modules())
        if (module.name.ends_with(name))
          return std::make_shared<const nn::LowRank>(nn::LowRank{torch::tensor(to_floats(module.a)).view({4, in}),
                                                                 torch::tensor(to_floats(module.b)).view({out, 4}),
                                                                 adapter->config().scale(4), nullptr});
      return nullptr;
    };
    const auto unmerged = open_model(base, TrainingOptions{.adapter = beside}),
               merged = open_model(options.output / "merged", TrainingOptions{});
    const std::vector<uint32_t> chosen = {0, 1};
    const Batch batch = make_batch(kExamples, chosen);
    const double loss = LanguageModelLoss(*unmerged).sum(batch).item<double>();
    EXPECT_NEAR(LanguageModelLoss(*merged).sum(batch).item<double>(), loss, 1e-4);
    EXPECT_GT(std::fabs(LanguageModelLoss(*open_model(base, TrainingOptions{})).sum(batch).item<double>() - loss),
              1e-2);
  }
}

TEST(Lora, ContinuesWithDropoutToTheSameBits) {
  const Setting setting;
  const auto options = [&](const std::string& name) {
    LoraOptions o = setting.options(name);
    o.compute = ComputeType::BF16;
    o.adapter.dropout = 0.2;
    o.max_steps = 9;
    o.save_every = 2;
    return o;
  };
  train_lora(options("whole"));
  for (const int64_t crash : {3, 6}) {
    LoraOptions cut = options(concat("cut", crash));
    cut.after_step = [&](int64_t step) {
      if (step == crash) throw Crash();
    };
    EXPECT_THROW(train_lora(cut), Crash);
    cut.after_step = nullptr;
    EXPECT_TRUE(train_lora(cut).resumed);
    EXPECT_EQ(sha256_file(cut.output / "adapter_model.safetensors"),
              sha256_file(setting.dir.path() / "whole" / "adapter_model.safetensors"));
  }
}

TEST(Lora, RecomputedActivationsGiveTheSameGradientsWithDropoutToo) {
  const Setting setting;
  for (const auto& [targets, compute] : {std::pair{std::vector<std::string>{"all-linear"}, torch::kBFloat16},
                                         {{"down_proj"}, torch::kFloat32},
                                         {{"q_proj"}, torch::kBFloat16}}) {
    const PeftConfig config{.rank = 4, .alpha = 8.0, .dropout = 0.3, .target_modules = targets};
    Adapted kept(setting.llama, config, compute), recomputed(setting.llama, config, compute, true);
    for (Adapted* one : {&kept, &recomputed}) {
      one->adapters.set_pass(7, 1);
      one->loss(kExamples).backward();
    }
    for (const auto& [name, parameter] : kept.adapters.parameters())
      EXPECT_TRUE(torch::equal(parameter.grad(), recomputed.adapters.parameters().at(name).grad())) << name;
  }
}

TEST(Lora, NamesTheLayersThereAreWhenATargetMatchesNone) {
  const Setting setting;
  LoraOptions options = setting.options("out");
  options.adapter.target_modules = {"q_proj", "c_attn"};
  const std::string message = message_of<ConfigError>([&] { train_lora(options); });
  EXPECT_NE(message.find("no layer is called \"c_attn\"; there are down_proj, gate_proj"), std::string::npos)
      << message;
  options.adapter = {.rank = 4, .dropout = 1.0};
  EXPECT_NE(message_of<ConfigError>([&] { train_lora(options); }).find("dropout 1"), std::string::npos);
}

TEST(DroppedOut, DropsItsShareAndKeepsTheMean) {
  const torch::Tensor ones = torch::ones({100, 103});
  const torch::Tensor out = dropped_out(ones, 0.25, 1, 2, 3, 4);
  EXPECT_NEAR((out == 0).to(torch::kFloat32).mean().item<double>(), 0.25, 0.02);
  EXPECT_NEAR(out.mean().item<double>(), 1.0, 0.03);
  EXPECT_TRUE(torch::equal(out, dropped_out(ones, 0.25, 1, 2, 3, 4)));
  for (const torch::Tensor& other : {dropped_out(ones, 0.25, 9, 2, 3, 4), dropped_out(ones, 0.25, 1, 9, 3, 4),
                                     dropped_out(ones, 0.25, 1, 2, 9, 4), dropped_out(ones, 0.25, 1, 2, 3, 9)})
    EXPECT_FALSE(torch::equal(out, other));
}

fs::path write_family(const TempDir& dir, const std::string& name) {
  const fs::path folder = dir.path() / name;
  testing_support::write_family_model(*find_family(name), folder);
  testing_support::write_byte_tokenizer(folder);
  return folder;
}

torch::Tensor tensor_of(const fs::path& folder, const std::string& name) {
  const auto file = SafetensorsFile::open(folder / "model.safetensors");
  const TensorView& view = file->at(name);
  return torch::tensor(to_floats(view)).view(view.shape);
}

TEST(Lora, OfAMatrixWhoseRowsFilesKeepInAnotherOrderIsWrittenInTheirs) {
  const Setting setting;
  for (const std::string family : {"gpt_neox", "falcon"}) {
    SCOPED_TRACE(family);
    LoraOptions options = setting.options(family + "-adapter");
    options.base = write_family(setting.dir, family);
    options.merge = true;
    train_lora(options);
    const auto adapter = PeftAdapter::open(options.output);
    for (const PeftModule& module : adapter->modules()) {
      const torch::Tensor a = torch::tensor(to_floats(module.a)).view(module.a.shape),
                          b = torch::tensor(to_floats(module.b)).view(module.b.shape);
      const torch::Tensor change = b.mm(a) * adapter->config().scale(4),
                          found = tensor_of(options.output / "merged", module.name + ".weight") -
                                  tensor_of(options.base, module.name + ".weight");
      EXPECT_GT(change.abs().max().item<float>(), 1e-3) << module.name;
      EXPECT_TRUE(torch::allclose(found, change, 1e-3, 1e-5)) << module.name;
    }
  }
}

TEST(Lora, OfAPartOfAMatrixIsRefusedBeforeItTrains) {
  const Setting setting;
  LoraOptions options = setting.options("phi3-adapter");
  options.base = write_family(setting.dir, "phi3");
  options.after_step = [](int64_t) { FAIL() << "trained"; };
  const std::string message = message_of<ConfigError>([&] { train_lora(options); });
  EXPECT_NE(message.find("mlp.gate_proj is a part of model.layers.0.mlp.gate_up_proj.weight in files"),
            std::string::npos)
      << message;
  options.after_step = nullptr;
  options.adapter.target_modules = {"qkv_proj", "down_proj"};
  EXPECT_NO_THROW(train_lora(options));
}

}  // namespace
}  // namespace limpid
