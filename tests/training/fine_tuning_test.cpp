#include "limpid/training/fine_tuning.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/training/language_model_loss.h"
#include "tests/training/toy_run.h"
#include "tests/training/toy_tokenizer.h"

namespace limpid {
namespace {

using testing_support::Crash;
using testing_support::message_of;
using testing_support::metrics_without_times;
using testing_support::TempDir;
using testing_support::tensor_hashes;

struct Setting {
  TempDir dir;
  fs::path data = testing_support::write_texts(dir);
  fs::path llama = testing_support::write_tiny_llama(dir.path() / "llama", 2);

  FineTuningOptions options(const std::string& output) const {
    FineTuningOptions o;
    testing_support::small_run(o, llama, data, dir.path() / output);
    return o;
  }
};

TEST(FineTuning, LowersTheLossOfEveryFamilyAndLeavesAFolderThatOpens) {
  const Setting setting;
  const fs::path gpt2 = testing_support::write_tiny_gpt2(setting.dir.path() / "gpt2", 2);
  const fs::path gemma = testing_support::write_tiny_gemma3(setting.dir.path() / "gemma", 2);
  for (const fs::path& base : {setting.llama, gpt2, gemma}) {
    for (const ComputeType compute : {ComputeType::F32, ComputeType::BF16}) {
      SCOPED_TRACE(testing::Message() << base.filename() << " in " << name(compute));
      FineTuningOptions options = setting.options(base.filename().string() + "-" + name(compute));
      options.base = base;
      options.compute = compute;
      options.max_steps = 30;
      const TrainingReport report = fine_tune(options);
      EXPECT_LT(report.progress.best_loss, 0.6 * report.progress.first_loss);
      const auto model = open_model(options.output, InferenceOptions{.precision = Precision::Exact});
      EXPECT_TRUE(model->tokenizer());
    }
  }
}

TEST(FineTuning, ContinuesFromEverySaveToTheSameBits) {
  const Setting setting;
  const auto options = [&](const std::string& name) {
    FineTuningOptions o = setting.options(name);
    o.compute = ComputeType::BF16;
    o.max_steps = 12;
    o.save_every = 3;
    o.schedule = Schedule::Cosine;
    o.pack = true;
    o.examples.max_length = 32;
    return o;
  };
  fine_tune(options("whole"));
  for (const int64_t crash : {4, 6, 11}) {
    SCOPED_TRACE(crash);
    FineTuningOptions cut = options(concat("cut", crash));
    cut.after_step = [&](int64_t step) {
      if (step == crash) throw Crash();
    };
    EXPECT_THROW(fine_tune(cut), Crash);
    cut.after_step = nullptr;
    EXPECT_TRUE(fine_tune(cut).resumed);
    EXPECT_EQ(tensor_hashes(cut.output / "model.safetensors"),
              tensor_hashes(setting.dir.path() / "whole" / "model.safetensors"));
    EXPECT_EQ(metrics_without_times(cut.output), metrics_without_times(setting.dir.path() / "whole"));
  }
}

TEST(FineTuning, KeepsTheBestTheLastOrBothWeights) {
  const Setting setting;
  const auto run = [&](const std::string& name, Keep keep) {
    FineTuningOptions options = setting.options(name);
    options.adamw.learning_rate = 1.0;  // makes it worse after the first evaluation
    options.warmup = 0;
    options.max_steps = 4;
    options.eval_every = 1;
    options.patience = 0;
    options.keep = keep;
    return fine_tune(options);
  };
  const auto hashes = [&](const char* folder) {
    return tensor_hashes(setting.dir.path() / folder / "model.safetensors");
  };
  ASSERT_LT(run("both", Keep::Both).progress.best_step, 4);
  run("best", Keep::Best);
  run("last", Keep::Last);
  EXPECT_EQ(hashes("both"), hashes("best"));
  EXPECT_EQ(hashes("both/last"), hashes("last"));
  EXPECT_NE(hashes("best"), hashes("last"));
}

TEST(FineTuning, TrainsEmbeddingsUnlessTheyAreFrozen) {
  const Setting setting;
  const auto embedding = [](const fs::path& folder) {
    return sha256(SafetensorsFile::open(folder / "model.safetensors")->at("model.embed_tokens.weight").data);
  };
  FineTuningOptions options = setting.options("trained");
  options.max_steps = 2;
  fine_tune(options);
  EXPECT_NE(embedding(options.output), embedding(setting.llama));
  options.output = setting.dir.path() / "frozen";
  options.freeze_embeddings = true;
  fine_tune(options);
  EXPECT_EQ(embedding(options.output), embedding(setting.llama));
}

TEST(FineTuning, RecomputedActivationsGiveTheSameBits) {
  const Setting setting;
  for (const ComputeType compute : {ComputeType::F32, ComputeType::BF16}) {
    const auto run = [&](const std::string& kind, bool recompute) {
      FineTuningOptions options = setting.options(kind + "-" + name(compute));
      options.compute = compute;
      options.recompute = recompute;
      options.max_steps = 3;
      fine_tune(options);
      return tensor_hashes(options.output / "model.safetensors");
    };
    EXPECT_EQ(run("recomputed", true), run("kept", false));
  }
}

TEST(FineTuning, BeginsFromRandomWeightsWithAnyTokenizer) {
  const Setting setting;
  const fs::path gpt2 = testing_support::write_tiny_gpt2(setting.dir.path() / "gpt2", 2);
  const fs::path gemma = testing_support::write_tiny_gemma3(setting.dir.path() / "gemma", 2);
  for (const fs::path& like : {setting.llama, gpt2, gemma}) {
    SCOPED_TRACE(like);
    FineTuningOptions options = setting.options(like.filename().string() + "-fresh");
    options.base.clear();
    options.init = like / "config.json";
    options.tokenizer = setting.llama;
    options.max_steps = 30;
    const TrainingReport report = fine_tune(options);
    EXPECT_NEAR(report.progress.first_loss, std::log(257.0), 0.1) << "a fresh model knows nothing";
    EXPECT_LT(report.progress.best_loss, 0.7 * report.progress.first_loss);
    const auto model = open_model(options.output, InferenceOptions{.precision = Precision::Exact});
    ASSERT_TRUE(model->tokenizer());
    EXPECT_EQ(model->tokenizer()->vocab_size(), 257u);
  }
}

TEST(FineTuning, RefusesATokenizerThatIsTooLargeAndHalfOfAPair) {
  const Setting setting;
  FineTuningOptions options = setting.options("out");
  options.base.clear();
  EXPECT_NE(message_of<ConfigError>([&] { fine_tune(options); }).find("one of them"), std::string::npos);
  Json config = read_json(setting.llama / "config.json");
  config["vocab_size"] = 100;
  options.init = setting.dir.write("small.json", to_text(config));
  EXPECT_NE(message_of<ConfigError>([&] { fine_tune(options); }).find("needs a tokenizer"), std::string::npos);
  options.tokenizer = setting.llama;
  EXPECT_NE(message_of<ConfigError>([&] { fine_tune(options); }).find("\"vocab_size\" is 100, the tokenizer has 257"),
            std::string::npos);
}

TEST(LanguageModelLoss, PaddingChangesNeitherLossNorGradients) {
  const Setting setting;
  const auto model = open_model(setting.llama, TrainingOptions{});
  const LanguageModelLoss loss(*model);
  const std::vector<Example> examples = {{{10, 20, 30}, 0}, {{5, 6, 7, 8, 9, 10, 11, 12}, 0}};
  const auto measured = [&](bool padded) {
    for (const auto& [name, parameter] : model->parameters()) torch::Tensor(parameter).mutable_grad() = torch::Tensor();
    const std::vector<uint32_t> chosen = {0};
    Batch batch = make_batch(examples, chosen);
    if (padded) batch.ids = torch::cat({batch.ids, torch::full({1, 5}, 99, torch::kInt64)}, 1);
    const torch::Tensor sum = loss.sum(batch);
    sum.backward();
    std::vector<torch::Tensor> all = {sum.detach()};
    for (const auto& [name, parameter] : model->parameters()) all.push_back(parameter.grad().clone());
    return all;
  };
  const auto plain = measured(false), padded = measured(true);
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(torch::allclose(plain[i], padded[i], 1e-4, 1e-5));
}

}  // namespace
}  // namespace limpid
