#include "limpid/evaluation/detox.h"

#include <gtest/gtest.h>

#include "limpid/evaluation/detox_contrast.h"
#include "limpid/evaluation/detox_search.h"
#include "limpid/methods/recipe/file.h"
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

DetoxPlan toy_plan(const fs::path& folder) {
  DetoxPlan plan;
  plan.output = folder / "toy.detox.safetensors";
  plan.minutes = 0.1;
  plan.pairs = 20;
  plan.model_path = folder / "model";
  plan.model = long_toy(plan.model_path);
  plan.model_name = "toy";
  plan.scorer = std::make_shared<ShareScorer>([](char byte) { return byte < 0; }, 0.5);
  return plan;
}

/// Keeps what a person would be told.
class Listener final : public Watch {
 public:
  void progress(const WorkState& state) override {
    if (state.finished) phases.push_back(state.what);
  }
  void info(const std::string& message) override { infos.push_back(message); }
  std::vector<std::string> phases, infos;
};

TEST(Detox, MakesOneFileWithOneDialAndAReportAndARerunFindsAllDone) {
  const TempDir folder;
  DetoxPlan plan = toy_plan(folder.path());
  const DetoxOutcome outcome = make_detoxifier(plan);
  EXPECT_FALSE(outcome.trials.empty());
  EXPECT_EQ(outcome.toxic.size(), 2u);
  EXPECT_EQ(outcome.toxic[0].rows.size(), size_t(DetoxSplits::for_minutes(*plan.minutes).check));
  EXPECT_EQ(outcome.toxic[1].ordinary->against_plain->identical.of, 160u);
  const std::string page = read_file(folder.path() / "toy.html");
  EXPECT_NE(page.find("Everyday answers, before and after"), std::string::npos);
  EXPECT_EQ(read_json(folder.path() / "toy.json").at("strength").get<double>(), outcome.strengths.steering);
  EXPECT_NE(page.find("<svg"), std::string::npos) << "the strengths tried";

  const auto detoxifier = open_detoxifier(DetoxSpec::parse(plan.output.string()));
  EXPECT_EQ(detoxifier->default_strength(), 1.0f);
  const auto off = decode_with(plan.model, *detoxifier, kToyPrompt, 4, {0.0f})[0];
  EXPECT_TRUE(torch::equal(off.logits, decode_plain(plan.model, kToyPrompt, 4)[0].logits));

  const std::string before = read_file(plan.output);
  make_detoxifier(plan);
  EXPECT_EQ(read_file(plan.output), before);
  plan.seed = 2;
  EXPECT_THROW(make_detoxifier(plan), ConfigError) << "the work folder is another run's";
  plan.seed = 1;
  write_toy_llama(plan.model_path, {.seed = 5});
  EXPECT_THROW(make_detoxifier(plan), ConfigError) << "another model came into its place";

  plan.budgets = {.perplexity = 1e9, .identical = 0.0};
  EXPECT_TRUE(missed_budgets(plan, outcome).empty());
  plan.budgets = {.perplexity = 1e-9, .identical = 1.1};
  EXPECT_EQ(missed_budgets(plan, outcome).size(), 2u);
}

TEST(Detox, ThoroughAlsoTrainsACalibratorOnEachSideAndSearchesBothStrengths) {
  const TempDir folder;
  DetoxPlan plan = toy_plan(folder.path());
  plan.thorough = true;
  Listener listener;
  const DetoxOutcome outcome = make_detoxifier(plan, listener);
  EXPECT_EQ(listener.phases, (std::vector<std::string>{"1 of 6, own texts", "2 of 6, calibrators", "3 of 6, directions",
                                                       "4 of 6, gate", "5 of 6, strengths", "6 of 6, check"}));
  ASSERT_EQ(listener.infos.size(), 1u) << "what the minutes cut";
  EXPECT_NE(listener.infos[0].find("40 texts"), std::string::npos) << listener.infos[0];
  EXPECT_TRUE(std::ranges::any_of(outcome.trials, [](const DetoxTrial& t) { return t.strengths.contrast > 0.0; }));
  const auto file = DetoxifierFile::open(plan.output);
  EXPECT_EQ(recipe::read_parts(file).size(), outcome.strengths.contrast > 0.0 ? 2u : 1u);
  const std::optional<Range> measured = recipe::read_measured(*file);
  ASSERT_TRUE(measured);
  EXPECT_TRUE(measured->contains(1.0));
  EXPECT_EQ(read_json(folder.path() / "toy.json").at("own_texts").at("count").get<int>(), 40);

  const std::string before = read_file(plan.output);
  fs::remove(DetoxFiles(plan.output).contrast);
  make_detoxifier(plan);
  EXPECT_EQ(read_file(plan.output), before) << "taken up in the middle";
}

TEST(DetoxSearch, ChoosesTheMildestWithinTheBudgetElseTheWeakest) {
  std::vector<DetoxTrial> trials = {{{0.1, 0.0}, 0.9, 0.9, 1.0},
                                    {{0.2, 0.0}, 0.6, 0.8, 1.04},
                                    {{0.3, 0.0}, 0.2, 0.2, 1.2},
                                    {{0.1, 1.0}, 0.5, 0.5, 1.05}};
  EXPECT_EQ(best_strengths(trials, {}), (DetoxStrengths{0.1, 1.0}));
  EXPECT_EQ(best_strengths(trials, {.perplexity = 1.04}), (DetoxStrengths{0.2, 0.0}));
  EXPECT_EQ(best_strengths(trials, {.perplexity = 0.9}), (DetoxStrengths{0.1, 0.0}));
}

TEST(DetoxSearch, TheDialWasMeasuredWhereEveryPartWas) {
  const std::vector<DetoxTrial> trials = {
      {{0.2, 0.0}, 1, 1, 1}, {{0.3, 0.0}, 1, 1, 1}, {{0.1, 1.0}, 1, 1, 1}, {{0.4, 2.0}, 1, 1, 1}};
  const Range alone = measured_dial(trials, {0.3, 0.0}), both = measured_dial(trials, {0.4, 1.0});
  EXPECT_EQ(alone.text(), "0.33 to 1.34") << "0.1 and 0.4 of 0.3, rounded outward";
  EXPECT_EQ(both.text(), "1 to 1") << "steering up to 1, the contrast from 1 on";
}

TEST(DetoxContrast, OpeningsAreShortBeginningsWithoutMarksAndTheSameForASeed) {
  const TempDir folder;
  const DetoxPlan plan = toy_plan(folder.path());
  const auto found = openings(plan, {}), again = openings(plan, {});
  ASSERT_GT(found.size(), 1000u);
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].text, again[i].text);
    EXPECT_EQ(found[i].text.find_first_of("@#\n"), found[i].text.find('@')) << "an @ only inside a word";
    EXPECT_FALSE(found[i].text.starts_with('@'));
    const auto spaces = std::ranges::count(found[i].text, ' ');
    EXPECT_TRUE(spaces >= 2 && spaces <= 11) << found[i].text;
  }
}

TEST(DetoxContrast, LearnsFromMoreTextsInMoreMinutes) {
  EXPECT_EQ(OwnTexts::for_minutes(10).count, 4000u);
  EXPECT_EQ(OwnTexts::for_minutes(1000).count, OwnTexts::kUsual);
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
