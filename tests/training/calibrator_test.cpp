#include "limpid/training/calibrator.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/folder_lock.h"
#include "limpid/training/language_model_loss.h"
#include "tests/training/slope.h"
#include "tests/training/tiny_models.h"
#include "tests/training/toy_run.h"
#include "tests/training/toy_tokenizer.h"

namespace limpid {
namespace {

using testing_support::Crash;
using testing_support::message_of;
using testing_support::TempDir;
using testing_support::write_tiny_gpt2;
using testing_support::write_tiny_llama;

struct Setting {
  TempDir dir;
  fs::path base = write_tiny_llama(dir.path() / "base");
  fs::path data = testing_support::write_texts(dir);

  CalibratorOptions options(const std::string& output) const {
    CalibratorOptions o;
    testing_support::small_run(o, base, data, dir.path() / output);
    o.layers = 2;
    return o;
  }
  std::string weights(const std::string& output) const {
    return testing_support::tensor_hashes(dir.path() / output / "model.safetensors");
  }
  std::string metrics(const std::string& output) const {
    return testing_support::metrics_without_times(dir.path() / output);
  }
};

TEST(Calibrator, LearnsAToyLanguageAndLeavesAFolderThatOpens) {
  for (const ComputeType compute : {ComputeType::F32, ComputeType::BF16}) {
    const Setting setting;
    CalibratorOptions options = setting.options("out");
    options.compute = compute;
    options.max_steps = 60;
    const CalibratorReport report = train_calibrator(options);
    EXPECT_LT(report.progress.best_loss, 0.5 * report.progress.first_loss);
    EXPECT_EQ(report.progress.step, 60);
    EXPECT_FALSE(fs::exists(options.output / "resume"));
    const auto model = open_model(options.output, InferenceOptions{.precision = Precision::Exact});
    EXPECT_EQ(model->config().num_layers, 2);
    ASSERT_TRUE(model->tokenizer());
    const Json about = read_json(options.output / "training.json");
    EXPECT_EQ(about["settings"]["layers"], 2);
    EXPECT_EQ(about["result"]["step"], 60);
  }
}

TEST(Calibrator, KeepsEmbeddingsOfItsBaseUnlessTold) {
  const Setting setting;
  const auto embedding = [&](const fs::path& folder) {
    return sha256(SafetensorsFile::open(folder / "model.safetensors")->at("model.embed_tokens.weight").data);
  };
  CalibratorOptions options = setting.options("frozen");
  train_calibrator(options);
  EXPECT_EQ(embedding(options.output), embedding(setting.base));
  options = setting.options("trained");
  options.train_embeddings = true;
  train_calibrator(options);
  EXPECT_NE(embedding(options.output), embedding(setting.base));
}

TEST(Calibrator, ContinuesAfterACrashToTheSameBits) {
  const Setting setting;
  train_calibrator(setting.options("whole"));
  CalibratorOptions cut = setting.options("cut");
  cut.after_step = [](int64_t step) {
    if (step == 14) throw Crash();  // steps 11 to 14 are lost, and done again
  };
  EXPECT_THROW(train_calibrator(cut), Crash);
  EXPECT_FALSE(fs::exists(cut.output / "config.json")) << "an unfinished run is no model yet";
  cut.after_step = nullptr;
  const CalibratorReport report = train_calibrator(cut);
  EXPECT_TRUE(report.resumed);
  EXPECT_EQ(setting.weights("cut"), setting.weights("whole"));
  EXPECT_EQ(setting.metrics("cut"), setting.metrics("whole"));
}

TEST(Calibrator, ContinuesWhereItDiedBetweenItsModelAndTrainingJson) {
  const Setting setting;
  const fs::path out = setting.dir.path() / "cut", aside = setting.dir.path() / "aside";
  train_calibrator(setting.options("whole"));
  CalibratorOptions options = setting.options("cut");
  options.after_step = [&](int64_t step) {
    if (step == options.max_steps) fs::copy(out / "resume", aside);
  };
  train_calibrator(options);
  fs::remove(out / "training.json");
  fs::rename(aside, out / "resume");  // as the process left it that died there
  ASSERT_TRUE(fs::exists(out / "config.json"));

  CalibratorOptions other = setting.options("cut");
  other.seed = 77;
  EXPECT_NE(message_of<MismatchError>([&] { train_calibrator(other); }).find("seed"), std::string::npos);
  options.after_step = nullptr;
  const CalibratorReport report = train_calibrator(options);
  EXPECT_TRUE(report.resumed);
  EXPECT_TRUE(fs::exists(out / "training.json"));
  EXPECT_FALSE(fs::exists(out / "resume"));
  EXPECT_EQ(setting.weights("cut"), setting.weights("whole"));
  EXPECT_EQ(setting.metrics("cut"), setting.metrics("whole"));
}

TEST(Calibrator, IsTrainedByOneRunInAFolderAtATime) {
  const Setting setting;
  const FolderLock other(setting.dir.path() / "out");
  const std::string message = message_of<IoError>([&] { train_calibrator(setting.options("out")); });
  EXPECT_NE(message.find("another run works in this folder"), std::string::npos) << message;
}

TEST(Calibrator, StopsWhenItsWatchAsksAndContinuesToTheSameBits) {
  struct StopAfterSeven final : Watch {
    void progress(const WorkState& state) override { steps = state.done; }
    bool stop() override { return steps == 7; }
    uint64_t steps = 0;
  };
  const Setting setting;
  train_calibrator(setting.options("whole"));
  StopAfterSeven watch;
  EXPECT_THROW(train_calibrator(setting.options("stopped"), watch), Interrupted);
  const CalibratorReport report = train_calibrator(setting.options("stopped"));
  EXPECT_TRUE(report.resumed);
  EXPECT_EQ(setting.weights("stopped"), setting.weights("whole"));
  EXPECT_EQ(setting.metrics("stopped"), setting.metrics("whole"));  // the step it stopped behind was kept
}

TEST(Calibrator, ContinuesAcrossAnEpochInBfloat16ToTheSameBits) {
  const Setting setting;
  const auto options = [&](const std::string& name) {
    CalibratorOptions o = setting.options(name);
    o.compute = ComputeType::BF16;
    o.batch = 16;
    o.accumulate = 3;  // 9 batches an epoch: the last step of each has fewer passes
    o.epochs = 6;
    o.max_steps = 0;
    o.save_every = 7;
    return o;
  };
  train_calibrator(options("whole"));
  CalibratorOptions cut = options("cut");
  cut.after_step = [](int64_t step) {
    if (step == 8) throw Crash();
  };
  EXPECT_THROW(train_calibrator(cut), Crash);
  cut.after_step = nullptr;
  train_calibrator(cut);
  EXPECT_EQ(setting.weights("cut"), setting.weights("whole"));
}

TEST(Calibrator, RefusesToContinueWithOtherSettingsAndSaysWhatDiffers) {
  const Setting setting;
  CalibratorOptions options = setting.options("out");
  options.after_step = [](int64_t step) {
    if (step == 12) throw Crash();
  };
  EXPECT_THROW(train_calibrator(options), Crash);
  options.after_step = nullptr;
  options.adamw.learning_rate = 1e-3;
  EXPECT_NE(message_of<MismatchError>([&] { train_calibrator(options); }).find("learning_rate: 0.005 there, 0.001 now"),
            std::string::npos);
  options.adamw.learning_rate = 5e-3;
  train_calibrator(options);
  EXPECT_TRUE(train_calibrator(options).already_done);
  options.seed = 9;
  EXPECT_NE(message_of<MismatchError>([&] { train_calibrator(options); }).find("seed: 1 there, 9 now"),
            std::string::npos);
}

TEST(Calibrator, NeverWritesOverAModelItDidNotMake) {
  const Setting setting;
  CalibratorOptions options = setting.options("base");
  EXPECT_NE(message_of<MismatchError>([&] { train_calibrator(options); }).find("was not trained here"),
            std::string::npos);
}

TEST(Calibrator, StopsEarlyAndKeepsTheBestWeights) {
  const Setting setting;
  CalibratorOptions options = setting.options("out");
  options.adamw.learning_rate = 3.0;  // destroys the model at once; in a few more steps it could be relearnt
  options.warmup = 0;
  options.max_steps = 100;
  options.eval_every = 1;
  options.patience = 2;
  const CalibratorReport report = train_calibrator(options);
  EXPECT_TRUE(report.progress.stopped);
  EXPECT_EQ(report.progress.step, report.progress.best_step + 2);
  if (report.progress.best_step == 0) {
    const auto weights = [](const fs::path& folder) {
      return sha256(SafetensorsFile::open(folder / "model.safetensors")->at("model.layers.0.mlp.up_proj.weight").data);
    };
    EXPECT_EQ(weights(options.output), weights(setting.base));
  }
}

TEST(Calibrator, TrainsToTheEndWithoutHeldOutRows) {
  const Setting setting;
  CalibratorOptions options = setting.options("out");
  options.holdout = 0.0;
  options.max_steps = 7;
  const CalibratorReport report = train_calibrator(options);
  EXPECT_EQ(report.progress.best_step, 7);
}

TEST(Calibrator, RefusesOptionsThatMakeNoSense) {
  const Setting setting;
  const auto refused = [&](auto change) {
    CalibratorOptions options = setting.options("out");
    change(options);
    return message_of<ConfigError>([&] { train_calibrator(options); });
  };
  EXPECT_NE(refused([](auto& o) { o.max_steps = 0; }).find("neither epochs nor steps"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.layers = 9; }).find("9 layers of a model that has 4"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.adamw.learning_rate = -1; }).find("learning rate"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.holdout = 1.0; }).find("held-out share"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.examples.max_length = 1; }).find("longest sequence"), std::string::npos);
}

TEST(TrainingState, RefusesDamagedFilesWithOneLine) {
  const TempDir dir;
  const torch::Tensor value = torch::ones({2});
  const Json settings = {{"a", 1}};
  const fs::path file = dir.path() / "state.safetensors";
  save_training_state(file, {{"w", value}}, settings, {});
  const std::string whole = read_file(file);
  dir.write("cut.safetensors", whole.substr(0, whole.size() - 1));
  EXPECT_NE(message_of<FormatError>([&] {
              load_training_state(dir.path() / "cut.safetensors", {{"w", value}}, settings);
            }).find("cut.safetensors"),
            std::string::npos);
  EXPECT_NE(message_of<FormatError>([&] {
              load_training_state(file, {{"w", torch::ones({3})}}, settings);
            }).find("another shape"),
            std::string::npos);
  EXPECT_NE(message_of<FormatError>([&] { load_training_state(file, {{"v", value}}, settings); }).find("v"),
            std::string::npos);
  EXPECT_NE(message_of<MismatchError>([&] {
              load_training_state(file, {{"w", value}}, {{"a", 2}});
            }).find("a: 1 there, 2 now"),
            std::string::npos);
}

TEST(LanguageModelLoss, CountsNeitherPaddingNorPrompts) {
  const Setting setting;
  const auto model = open_model(setting.base, TrainingOptions{});
  freeze_embeddings(*model);
  const LanguageModelLoss loss(*model);
  const std::vector<Example> examples = {{{10, 20, 30, 40, 50, 60}, 3}, {{11, 21}, 0}};
  const auto of = [&](std::vector<uint32_t> chosen) { return loss.sum(make_batch(examples, chosen)).item<double>(); };
  EXPECT_NEAR(of({0, 1}), of({0}) + of({1}), 1e-4);
  const std::vector<Example> changed = {{{10, 20, 30, 40, 50, 60}, 5}};
  const std::vector<uint32_t> first = {0};
  EXPECT_LT(loss.sum(make_batch(changed, first)).item<double>(), of({0}));
}

TEST(LanguageModelLoss, HasTheGradientsOfFiniteDifferences) {
  const TempDir dir;
  for (const fs::path& folder :
       {write_tiny_llama(dir.path() / "llama", 2, false), write_tiny_gpt2(dir.path() / "gpt2", 2)}) {
    SCOPED_TRACE(folder);
    const auto model = open_model(folder, TrainingOptions{});
    const LanguageModelLoss loss(*model);
    const std::vector<Example> examples = {{{10, 20, 30, 40, 50, 60}, 2}, {{11, 21, 33}, 0}};
    const std::vector<uint32_t> chosen = {0, 1};
    const Batch batch = make_batch(examples, chosen);
    loss.sum(batch).backward();
    testing_support::expect_gradients_are_slopes(model->parameters(), [&] { return loss.sum(batch).item<double>(); });
  }
}

}  // namespace
}  // namespace limpid
