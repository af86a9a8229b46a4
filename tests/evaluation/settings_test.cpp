#include "limpid/evaluation/settings.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "limpid/core/folder_lock.h"
#include "limpid/evaluation/evaluate.h"
#include "limpid/evaluation/tune_detoxifier.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/target_signature.h"
#include "tests/evaluation/toy_steering.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using testing_support::TempDir;
using testing_support::write_steering;

std::vector<std::string> names(const std::vector<EvaluationSetting>& settings) {
  std::vector<std::string> result;
  for (const EvaluationSetting& setting : settings) result.push_back(setting.name);
  return result;
}

TEST(EvaluationSettings, ASpecIsASettingAtItsStrengthOrItsDefaultOrEachThatIsAsked) {
  const std::vector<double> strengths = {0.25, 0.5};
  EXPECT_EQ(names(parse_settings("control:temperature:0.3", strengths)),
            std::vector<std::string>({"control-temperature-0.3"}));
  EXPECT_EQ(names(parse_settings("control:mask")), std::vector<std::string>({"control-mask-0.1"}));
  const auto several = parse_settings("control:mask", strengths);
  EXPECT_EQ(names(several), (std::vector<std::string>{"control-mask-0.25", "control-mask-0.5"}));
  EXPECT_EQ(several[1].detoxifiers.at(0).strength, 0.5f);
}

TEST(EvaluationSettings, NamesCarryTheOptionsThatTellTwoSettingsOfOneFileApart) {
  const TempDir folder;
  const std::string file = write_steering(folder.path() / "f.detox.safetensors");
  EXPECT_EQ(parse_settings(file + ":0.2")[0].name, "f-preserve-0.2");
  EXPECT_EQ(parse_settings(file + "?rule=preserve:0.2")[0].name, "f-preserve-0.2");
  EXPECT_EQ(parse_settings(file + "?rule=linear&layers=0-1&gate=middle:0.2")[0].name,
            "f-linear-gate-middle-layers-0-1-0.2");
}

TEST(EvaluationSettings, DetoxifiersThatAreAddedActTogetherInTheirOrder) {
  const std::vector<double> strengths = {0.9};
  const auto settings = parse_settings("control:temperature:0.25 + control:mask", strengths);
  ASSERT_EQ(settings.size(), 1u);
  EXPECT_EQ(settings[0].name, "control-temperature-0.25+control-mask-0.1");
  EXPECT_EQ(settings[0].detoxifier_names(), "fusion/temperature + control/mask");
  ASSERT_EQ(settings[0].detoxifiers.size(), 2u);
  EXPECT_EQ(settings[0].strengths(), Json({0.25f, 0.1f}));
  EXPECT_TRUE(settings[0].acts());
  EXPECT_FALSE(parse_settings("control:temperature:0 + control:mask:0")[0].acts());
  EXPECT_THROW(parse_settings("control:mask + "), ConfigError);
}

/// A toy run: two prompts, three samples of five tokens, no scorer and the target as its own judge.
EvaluationPlan toy_plan(const TempDir& folder) {
  EvaluationPlan plan;
  plan.model = testing_support::open_exact(testing_support::write_toy_llama(folder.path() / "model", {}));
  plan.model_name = "toy";
  for (const char* text : {"Once upon", "The day"}) plan.prompts.push_back({text});
  plan.judges.push_back(std::make_shared<PerplexityJudge>(plan.model, "toy"));
  plan.sampling.top_p = 1.0f;
  plan.samples = 3, plan.tokens = 5;
  plan.output = folder.path() / "out";
  return plan;
}

TEST(Evaluation, ACompositionDoesWhatItsPartsDoOneAfterTheOther) {
  const TempDir folder;
  EvaluationPlan plan = toy_plan(folder);
  // Cooling by 0.5 twice is cooling by 0.75 once; masking first, on sharper logits, is another thing than masking last.
  plan.settings = {{{}, "plain"}};
  for (const char* text : {"control:temperature:0.5 + control:temperature:0.5", "control:temperature:0.75",
                           "control:mask:0.2 + control:temperature:0.9", "control:temperature:0.9 + control:mask:0.2"})
    plan.settings.push_back(parse_settings(text)[0]);
  const auto results = evaluate(plan);
  const auto texts = [&](size_t setting) {
    std::vector<std::string> all;
    for (const GenerationRow& row : results[setting].rows)
      for (const Continuation& one : row.generations) all.push_back(one.text);
    return all;
  };
  EXPECT_EQ(texts(1), texts(2));
  EXPECT_NE(texts(1), texts(0));
  EXPECT_NE(texts(3), texts(4));
  EXPECT_GT(results[1].mean_kl, 0.0);
  EXPECT_TRUE(std::isfinite(results[1].mean_kl));
  EXPECT_GT(results[3].mean_kl, 0.0) << "excluded tokens";
  EXPECT_TRUE(std::isfinite(results[3].mean_kl));
  EXPECT_EQ(evaluate(plan)[3].mean_kl, results[3].mean_kl) << "read back from its file";
  const Json report = read_json(plan.output / "report.json");
  EXPECT_EQ(report.at("settings")[1].at("strength"), Json({0.5, 0.5}));
  EXPECT_EQ(report.at("settings")[2].at("strength"), 0.75);
}

/// The second sample of the second prompt goes wrong at its third token.
struct Faulty final : Session {
  void logits(const Step& step, Tensor& z) override {
    for (size_t r = 0; r < step.rows.size(); ++r) {
      const Row& row = *step.rows[r];
      if (row.request.prompt == 1 && row.request.sample == 1 && row.new_ids.size() == 2) z[int64_t(r)][0] = NAN;
    }
  }
};

/// Cannot score the text of its kind.
struct Forgetful final : Scorer {
  std::string forgotten;
  std::vector<double> score(std::span<const std::string> texts) const override {
    std::vector<double> scores;
    for (const std::string& text : texts) scores.push_back(text == forgotten ? std::nan("") : 0.25);
    return scores;
  }
  std::string name() const override { return "forgetful"; }
  double threshold() const override { return 0.5; }
  Json describe() const override { return name(); }
};

/// Hears warnings.
struct Listener final : Watch {
  std::vector<std::string> warnings;
  void warning(const std::string& message) override { warnings.push_back(message); }
  bool heard(const std::string& part) const {
    return std::any_of(warnings.begin(), warnings.end(),
                       [&](const std::string& warning) { return warning.find(part) != std::string::npos; });
  }
};

TEST(Evaluation, ASampleThatGoesWrongIsToldAndTheOthersAreFinished) {
  const TempDir folder;
  EvaluationPlan plan = toy_plan(folder);
  const auto scorer = std::make_shared<Forgetful>();
  plan.scorer = scorer;
  EvaluationSetting faulty{{}, "faulty"};
  faulty.add(
      std::make_shared<Detoxifier>("faulty", 1.0f, Range{}, [](const Model&) { return std::make_unique<Faulty>(); }),
      1.0f);
  plan.settings = {{{}, "plain"}, faulty};
  Listener listener;
  const auto results = evaluate(plan, listener);
  EXPECT_TRUE(listener.heard("faulty, prompt 2, sample 2: [generator] token 3: logits of detoxifier 1"));
  const Continuation& failed = results[1].rows[1].generations[1];
  EXPECT_EQ(failed.finish_reason, "error");
  EXPECT_FALSE(failed.toxicity);
  EXPECT_EQ(results[1].rows[1].generations[2].ids, results[0].rows[1].generations[2].ids);
  EXPECT_TRUE(is_complete(plan, results[0], listener));
  EXPECT_FALSE(is_complete(plan, results[1], listener));
  EXPECT_TRUE(listener.heard("faulty: samples ended with an error: 1"));
  EXPECT_FALSE(is_complete(plan, evaluate(plan)[1], listener)) << "nor when it is taken up again";
}

TEST(Evaluation, AScoreThatIsMissingIsCountedAndFailsAShortRun) {
  const TempDir folder;
  EvaluationPlan plan = toy_plan(folder);
  plan.settings = {{{}, "plain"}};
  const auto scorer = std::make_shared<Forgetful>();
  scorer->forgotten = evaluate(plan)[0].rows[0].generations[0].text;
  plan.scorer = scorer;
  plan.output = folder.path() / "scored";
  Listener listener;
  const auto results = evaluate(plan, listener);
  EXPECT_EQ(results[0].reports[0].toxicity.missing_scores, 1u);
  EXPECT_FALSE(is_complete(plan, results[0], listener));
  EXPECT_TRUE(listener.heard("plain: scores missing and left out: 1 of 6"));
}

/// Asks the work to stop after so many looks.
struct StopAfter final : Watch {
  explicit StopAfter(int looks) : left(looks) {}
  bool stop() override { return left-- == 0; }
  int left;
};

/// Returns a report but for what is measured in seconds.
Json without_times(Json report) {
  for (Json& setting : report.at("settings")) setting.erase("tokens_per_second");
  return report;
}

TEST(Evaluation, ReportsTheSameWhereverItWasInterrupted) {
  const TempDir folder;
  EvaluationPlan plan = toy_plan(folder);
  plan.prompts.resize(1);
  for (const char* text : {"The day", "One", "Two", "Once upon a time"}) plan.prompts.push_back({text});
  plan.settings = {{{}, "plain"}, parse_settings("control:mask:0.2")[0]};
  plan.rows = 4;
  evaluate(plan);
  const Json whole = without_times(read_json(plan.output / "report.json"));
  const std::string journal = read_file(plan.output / "control-mask-0.2" / "generations.jsonl");
  EXPECT_GT(whole.at("settings")[1].at("mean_kl"), 0.0);
  for (int looks : {1, 9, 25, 33, 39, 45}) {
    SCOPED_TRACE(looks);
    plan.output = folder.path() / concat("cut-", looks);
    StopAfter watch(looks);
    try {
      evaluate(plan, watch);
    } catch (const Interrupted& error) {
      EXPECT_NE(std::string(error.what()).find("the same command goes on from there"), std::string::npos);
    }
    evaluate(plan);
    EXPECT_EQ(without_times(read_json(plan.output / "report.json")), whole);
    EXPECT_EQ(read_file(plan.output / "control-mask-0.2" / "generations.jsonl"), journal);
  }
}

TEST(Evaluation, IsRefusedInAFolderWhereAnotherRuns) {
  const TempDir folder;
  EvaluationPlan plan = toy_plan(folder);
  plan.settings = {{{}, "plain"}};
  const FolderLock other(plan.output);
  EXPECT_THROW(evaluate(plan), IoError);
}

TEST(TuneDetoxifier, MeasuresEachStrengthOnceAndFindsItsWorkAgain) {
  const TempDir folder;
  EvaluationPlan plan = toy_plan(folder);
  const DetoxSpec spec = DetoxSpec::parse("control:mask:0.001");
  TuneTarget target =
      TuneTarget::budget("ppl=0.8");  // what is likelier is more fluent to its own judge: every mask lowers it
  const TuneOutcome first = tune_detoxifier(plan, spec, target, {.largest = 1.0, .max_steps = 3});
  const Json json = read_json(plan.output / "tune.json");
  EXPECT_EQ(json, parse_json(to_text(first.json), "json"));
  ASSERT_EQ(json.at("curve").size(), first.result.curve.size());
  for (const Json& point : json.at("curve")) {
    EXPECT_NEAR(point.at("ratio"), point.at("ppl").get<double>() / json.at("plain").at("ppl").get<double>(), 1e-12);
    EXPECT_EQ(point.at("against_plain").at("ppl").at("bootstrap_95").size(), 2u);
  }
  const fs::path journal = plan.output / "control-mask-0.001" / "generations.jsonl";
  const std::string before = read_file(journal);
  EXPECT_EQ(tune_detoxifier(plan, spec, target, {.largest = 1.0, .max_steps = 3}).json.at("curve"),
            first.json.at("curve"));
  EXPECT_EQ(read_file(journal), before);
  EXPECT_THROW(tune_detoxifier(plan, spec, TuneTarget::aim("emt=0.5"), {.largest = 1.0}), ConfigError)
      << "nothing was scored";
}

TEST(TuneDetoxifier, TheCopyHasTheFoundStrengthAndTheOptionsItWasFoundWith) {
  const TempDir folder;
  const std::string file = write_steering(folder.path() / "f.detox.safetensors");
  const DetoxSpec spec = DetoxSpec::parse(file + "?rule=linear&gate=middle");
  const Json tune = {{"strength", 0.123}};
  EXPECT_EQ(write_tuned(folder.path() / "g.detox.safetensors", spec, 0.123, tune), "gate=middle");
  const auto copy = DetoxifierFile::open(folder.path() / "g.detox.safetensors");
  EXPECT_EQ(copy->info().default_strength, 0.123);
  EXPECT_EQ(copy->info().settings.at("rule"), "linear");
  EXPECT_EQ(copy->info().settings.at("tune"), tune);
  EXPECT_EQ(to_floats(copy->tensors()->at("directions")),
            to_floats(DetoxifierFile::open(file)->tensors()->at("directions")));
  EXPECT_EQ(open_detoxifier(DetoxSpec::parse((folder.path() / "g.detox.safetensors").string()))->name(),
            "destein/linear");
  EXPECT_THROW(write_tuned(file, spec, 0.1, tune), ConfigError);
}

TEST(TuneDetoxifier, WhatTheFileNeedsIsFoundFromTheCopyToo) {
  const TempDir folder;
  folder.write("a/models/small/model.safetensors", "weights");
  const fs::path inner = folder.path() / "a", file = inner / "f.detox.safetensors",
                 copied = folder.path() / "g.detox.safetensors";
  DetoxifierInfo info;
  info.method = "fusion";
  info.target = {"llama", 32, 2, 257, ""};
  info.needs = {{"calibrator", "models/small", weights_sha256(inner / "models" / "small")},
                {"base", "a-pulled-name", "00"}};
  write_detoxifier(file, info, {});
  write_tuned(copied, DetoxSpec::parse(file.string()), 0.5, {});
  const auto copy = DetoxifierFile::open(copied);
  EXPECT_TRUE(fs::equivalent(copy->need("calibrator"), inner / "models" / "small"));
  fs::create_directories(inner / "b");
  EXPECT_THROW(write_tuned(inner / "b" / "g.detox.safetensors", DetoxSpec::parse(file.string()), 0.5, {}), Error)
      << "what it needs would not be below it";
  EXPECT_EQ(copy->info().needs[1].path, "a-pulled-name");
}

}  // namespace
}  // namespace limpid
