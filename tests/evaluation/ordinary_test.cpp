#include "limpid/evaluation/ordinary.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/evaluation/evaluate.h"
#include "limpid/evaluation/tune_detoxifier.h"
#include "limpid/methods/detox_spec.h"
#include "tests/evaluation/toy_steering.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using testing_support::TempDir;
using testing_support::write_steering;

/// A toy run of everyday prompts alone, the target as its own judge.
EvaluationPlan everyday_plan(const TempDir& folder) {
  EvaluationPlan plan;
  plan.model = testing_support::open_exact(testing_support::write_toy_llama(folder.path() / "model", {}));
  plan.model_name = "toy";
  plan.judges.push_back(std::make_shared<PerplexityJudge>(plan.model, "toy"));
  plan.ordinary.prompts = {{"Hello", {}, {{"kind", "small-talk"}}},
                           {"The capital", {}, {{"kind", "fact"}, {"answers", {"Paris"}}}},
                           {"Once upon", {}, Json::object()}};
  plan.ordinary.tokens = 12;
  plan.output = folder.path() / "out";
  return plan;
}

void add_settings(EvaluationPlan& plan, std::initializer_list<const char*> specs) {
  plan.settings = {{{}, "plain"}};
  for (const char* spec : specs) plan.settings.push_back(parse_settings(spec)[0]);
}

TEST(OrdinaryAnswers, AtStrength0AreThePlainModelsAndTheKlIsNothing) {
  const TempDir folder;
  EvaluationPlan plan = everyday_plan(folder);
  add_settings(plan, {"control:temperature:0", "control:mask:0.5"});
  const auto results = evaluate(plan);
  for (size_t setting : {1, 2}) {  // the mask never removes the best token, so it changes no greedy answer either
    const OrdinaryResult& ordinary = *results[setting].ordinary;
    EXPECT_EQ(ordinary.against_plain->identical.count, 3u);
    EXPECT_EQ(ordinary.against_plain->perplexity_ratio.at("toy").ratio, 1.0);
  }
  EXPECT_EQ(results[1].ordinary->mean_kl, 0.0);
  EXPECT_GT(results[2].ordinary->mean_kl, 0.0);
  EXPECT_FALSE(results[0].ordinary->against_plain);
  EXPECT_EQ(results[0].ordinary->report.right.of, 1u);
  EXPECT_TRUE(results[0].reports.empty()) << "toxicity was not asked for";
}

TEST(OrdinaryAnswers, AreKeptWithWhatTheirPromptFileSaysAndTakenUpAgain) {
  const TempDir folder;
  EvaluationPlan plan = everyday_plan(folder);
  add_settings(plan, {"control:mask:0.5"});
  evaluate(plan);
  const fs::path journal = plan.output / "control-mask-0.5" / "ordinary.jsonl";
  const std::string whole = read_file(journal);
  const auto rows = read_generations(journal);
  EXPECT_EQ(rows[1].fields.at("kind"), "fact");
  EXPECT_EQ(rows[1].fields.at("answers"), Json({"Paris"}));
  EXPECT_EQ(rows[1].generations.size(), 1u);
  write_file(journal, whole.substr(0, whole.find('\n') + 5));  // the first answer, and a line that a crash cut off
  const auto results = evaluate(plan);
  EXPECT_EQ(read_file(journal), whole);
  EXPECT_EQ(results[1].ordinary->rows.size(), 3u);
  plan.ordinary.tokens = 5;
  EXPECT_THROW(evaluate(plan), MismatchError);
}

TEST(OrdinaryAnswers, StandInTheReportBehindTheToxicityTable) {
  const TempDir folder;
  EvaluationPlan plan = everyday_plan(folder);
  plan.prompts = {{"Once upon"}};
  plan.samples = 2, plan.tokens = 3;
  plan.choices.questions = {{"1 + 1 =", "", {"2", "3"}, 0}};
  add_settings(plan, {"control:temperature:0.5"});
  const auto results = evaluate(plan);
  const Json report = read_json(plan.output / "report.json");
  ASSERT_EQ(report.at("ordinary").at("settings").size(), 2u);
  EXPECT_EQ(report.at("ordinary").at("settings")[1].at("name"), "control-temperature-0.5");
  EXPECT_EQ(report.at("ordinary").at("settings")[1].at("against_plain").at("identical").at("of"), 3);
  EXPECT_TRUE(report.at("settings")[1].contains("metrics"));
  EXPECT_EQ(report.at("settings")[1].at("multiple_choice").at("questions"), 1);
  const std::string text = read_file(plan.output / "report.md");
  EXPECT_LT(text.find("EMT"), text.find("## Ordinary answers: 3 everyday prompts"));
  EXPECT_LT(text.find("## Ordinary answers"), text.find("## Multiple choice"));
  const std::string likelihoods = read_file(plan.output / "plain" / "choices.json");
  evaluate(plan);
  EXPECT_EQ(read_file(plan.output / "plain" / "choices.json"), likelihoods);
}

TEST(OrdinaryAnswers, PromptsWithWrongAnswersAreRefusedWithTheirPlace) {
  const TempDir folder;
  const fs::path file = folder.write("p.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"answers\": \"c\"}\n");
  try {
    read_ordinary_plan({file.string()});
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_EQ(error.what(), file.string() + ": prompt 2: \"answers\" is \"c\", expected a list of texts");
  }
  EXPECT_EQ(read_ordinary_plan({file.string(), 80, 1}).prompts.size(), 1u);
}

TEST(TuneDetoxifier, AStrengthThatChangesTooManyAnswersDoesNotMeetTheTarget) {
  const TempDir folder;
  EvaluationPlan plan = everyday_plan(folder);
  plan.prompts = {{"Once upon"}, {"The day"}};
  plan.samples = 2, plan.tokens = 4;
  const TuneTarget any = TuneTarget::budget("ppl=1000000");
  const DetoxSpec mask = DetoxSpec::parse("control:mask:0.5");
  const TuneOptions once = {.max_steps = 1};
  const TuneOutcome kept = tune_detoxifier(plan, mask, any, once, unwatched(), 1.0);
  EXPECT_EQ(*kept.result.strength, 0.5);
  EXPECT_EQ(kept.json.at("ordinary_budget"), 1.0);
  EXPECT_EQ(kept.json.at("curve")[0].at("ordinary").at("met"), true);
  EXPECT_NE(kept.wanted.find("100 % of ordinary answers"), std::string::npos);

  const DetoxSpec steering = DetoxSpec::parse(write_steering(folder.path() / "f.detox.safetensors") + ":4");
  const TuneOutcome changed = tune_detoxifier(plan, steering, any, once, unwatched(), 1.0);
  EXPECT_FALSE(changed.result.strength) << "its perplexity would do";
  const Json point = changed.json.at("curve")[0];
  EXPECT_EQ(point.at("ordinary").at("met"), false);
  EXPECT_TRUE(point.at("ratio").is_number()) << "the ratio is told as it is";
  EXPECT_NE(changed.failure.find("; ordinary answers that stay: 4 ("), std::string::npos) << changed.failure;
  EXPECT_NE(changed.markdown.find("changes too many answers"), std::string::npos) << changed.markdown;
  EXPECT_EQ(*tune_detoxifier(plan, steering, any, once).result.strength, 4.0) << "without the second budget";

  plan.ordinary.prompts.clear();
  EXPECT_THROW(tune_detoxifier(plan, mask, any, once, unwatched(), 1.0), ConfigError) << "no ordinary prompts";
  EXPECT_THROW(tune_detoxifier(everyday_plan(folder), mask, any, once), ConfigError) << "no prompts";
}

}  // namespace
}  // namespace limpid
