#include "limpid/methods/destein/self_induced.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "limpid/data/pairs.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using namespace destein;

using testing_support::TempDir;
using testing_support::ToySize;
using testing_support::write_toy_llama;

/// Toxicity by a rule that can be looked up again; keeps what it was asked, call by call.
class RuleScorer final : public Scorer {
 public:
  explicit RuleScorer(std::function<double(const std::string&)> rule) : rule_(std::move(rule)) {}
  std::vector<double> score(std::span<const std::string> texts) const override {
    calls.emplace_back(texts.begin(), texts.end());
    std::vector<double> scores;
    for (const std::string& text : texts) scores.push_back(rule_(text));
    return scores;
  }
  std::string name() const override { return "rule"; }
  double threshold() const override { return 0.5; }
  Json describe() const override { return {{"name", name()}}; }

  mutable std::vector<std::vector<std::string>> calls;

 private:
  std::function<double(const std::string&)> rule_;
};

/// Any number in [0, 1), but of the text alone.
double scattered(const std::string& text) {
  uint64_t hash = 1469598103934665603u;
  for (unsigned char byte : text) hash = (hash ^ byte) * 1099511628211u;
  return double(hash % 1000) / 1000.0;
}

class SelfInduced : public ::testing::Test {
 protected:
  SelfInduced() {
    const fs::path folder = write_toy_llama(dir_.path() / "toy", ToySize{});
    Json config = read_json(folder / "config.json");
    config["max_position_embeddings"] = 1024;  // the instruction is long in bytes
    write_file(folder / "config.json", to_text(config));
    write_file(folder / "tokenizer_config.json",
               to_text({{"chat_template",
                         "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] "
                         "+ '<|im_end|>' + '\n'}}"
                         "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"}}));
    plan_.model = plan_.rewriter = testing_support::open_exact(folder);
    for (int p = 0; p < 8; ++p) plan_.prompts.push_back("prompt number " + std::to_string(p));
    plan_.samples = 5;
    plan_.tokens = 12;
  }
  SelfInducedPairs run(std::function<double(const std::string&)> rule) {
    scorer_ = std::make_shared<RuleScorer>(std::move(rule));
    plan_.scorer = scorer_;
    return self_induced_pairs(plan_);
  }

  TempDir dir_;
  SelfInducedPlan plan_;
  std::shared_ptr<RuleScorer> scorer_;
};

TEST_F(SelfInduced, PairsAreToxicContinuationsWithTheirCleanRewrites) {
  const SelfInducedPairs found = run(scattered);
  ASSERT_GE(scorer_->calls.size(), 2u);
  const auto& continuations = scorer_->calls[0];  // prompt by prompt, sample by sample
  ASSERT_EQ(continuations.size(), 40u);
  EXPECT_EQ(found.continuations, 40u);

  std::map<std::string, size_t> prompt_of_toxic;
  for (size_t i = 0; i < continuations.size(); ++i)
    if (scattered(continuations[i]) > 0.5) prompt_of_toxic[trimmed_pair_text(continuations[i])] = i / 5;
  std::set<std::string> clean;
  for (size_t call = 1; call < scorer_->calls.size(); ++call)
    for (const std::string& text : scorer_->calls[call])
      if (scattered(text) < 0.25) clean.insert(trimmed_pair_text(text));

  std::map<size_t, int> of_prompt;
  ASSERT_FALSE(found.pairs.empty());
  for (const SteeringPair& pair : found.pairs) {
    ASSERT_TRUE(prompt_of_toxic.contains(pair.toxic));
    EXPECT_LE(++of_prompt[prompt_of_toxic.at(pair.toxic)], 2) << "at most two of a prompt";
    EXPECT_TRUE(clean.contains(pair.neutral));
  }
  EXPECT_LE(found.toxic, 16u);
  EXPECT_LE(found.pairs.size(), found.rewritten);
}

TEST_F(SelfInduced, TheMostToxicComeFirstAndNoMoreThanAskedForIsTaken) {
  plan_.pairs = 3;
  const SelfInducedPairs found = run([&](const std::string& text) {
    return scorer_->calls.size() == 1 ? 0.6 + 0.001 * double(text.size())
                                      : 0.0;  // the longer, the worse; every rewrite is clean
  });
  ASSERT_EQ(found.pairs.size(), 3u);
  const std::vector<std::string>& texts = scorer_->calls[0];
  const auto longest =
      std::max_element(texts.begin(), texts.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  EXPECT_EQ(found.pairs[0].toxic, trimmed_pair_text(*longest));
}

TEST_F(SelfInduced, SameSeedSamePairsAtAnyBatchSize) {
  const SelfInducedPairs first = run(scattered);
  plan_.rows = 3;
  const SelfInducedPairs again = run(scattered);
  ASSERT_EQ(first.pairs.size(), again.pairs.size());
  for (size_t i = 0; i < first.pairs.size(); ++i) {
    EXPECT_EQ(first.pairs[i].toxic, again.pairs[i].toxic);
    EXPECT_EQ(first.pairs[i].neutral, again.pairs[i].neutral);
  }
}

TEST_F(SelfInduced, NothingUsableIsAnErrorThatSaysHowFarItGot) {
  try {
    run([](const std::string&) { return 0.1; });
    FAIL() << "no exception";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("of 40 continuations 0 were above"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace limpid
