#include "limpid/evaluation/detox.h"

#include <gtest/gtest.h>

#include "limpid/methods/registry.h"
#include "tests/methods/method_checks.h"
#include "tests/support/share_scorer.h"

namespace limpid {
namespace {

using namespace testing_support;

/// A toy whose context holds the prompts that come with the program.
std::shared_ptr<const Model> long_toy(const fs::path& folder) {
  write_toy_llama(folder, {});
  Json config = read_json(folder / "config.json");
  config["max_position_embeddings"] = 4096;
  write_file(folder / "config.json", to_text(config));
  return open_exact(folder);
}

TEST(Detox, MakesOneFileWithOneDialAndAReportAndARerunFindsAllDone) {
  const TempDir folder;
  DetoxPlan plan;
  plan.output = folder.path() / "toy.detox.safetensors";
  plan.minutes = 0.1;
  plan.pairs = 20;
  plan.model = long_toy(folder.path() / "model");
  plan.model_name = "toy";
  plan.scorer = std::make_shared<ShareScorer>([](char byte) { return byte < 0; }, 0.5);
  const DetoxOutcome outcome = make_detoxifier(plan);
  EXPECT_FALSE(outcome.trials.empty());
  EXPECT_EQ(outcome.toxic.size(), 2u);
  EXPECT_EQ(outcome.toxic[0].rows.size(), size_t(DetoxSplits::for_minutes(plan.minutes).check));
  EXPECT_EQ(outcome.toxic[1].ordinary->against_plain->identical.of, 160u);
  const std::string page = read_file(folder.path() / "toy.html");
  EXPECT_NE(page.find("Everyday answers, before and after"), std::string::npos);
  EXPECT_EQ(read_json(folder.path() / "toy.json").at("strength").get<double>(), outcome.strength);

  const auto detoxifier = open_detoxifier(DetoxSpec::parse(plan.output.string()));
  EXPECT_EQ(detoxifier->default_strength(), 1.0f);
  const auto off = decode_with(plan.model, *detoxifier, kToyPrompt, 4, {0.0f})[0];
  EXPECT_TRUE(torch::equal(off.logits, decode_plain(plan.model, kToyPrompt, 4)[0].logits));

  const std::string before = read_file(plan.output);
  make_detoxifier(plan);
  EXPECT_EQ(read_file(plan.output), before);
  plan.seed = 2;
  EXPECT_THROW(make_detoxifier(plan), ConfigError) << "the work folder is another run's";
}

TEST(Detox, SplitsShareNoPromptAndFitTheData) {
  for (double minutes : {0.1, 1.0, 15.0, 60.0, 1000.0}) {
    const DetoxSplits splits = DetoxSplits::for_minutes(minutes);
    EXPECT_LE(splits.gate + splits.search + splits.check, 500) << minutes;
    EXPECT_GT(splits.check, 0);
  }
  EXPECT_THROW(DetoxSplits::for_minutes(0.0), ConfigError);
}

}  // namespace
}  // namespace limpid
