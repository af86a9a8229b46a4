#include "limpid/metrics/ordinary.h"

#include <gtest/gtest.h>

#include <cmath>

namespace limpid {
namespace {

GenerationRow answer(const std::string& prompt, const std::string& text, std::optional<TokenIds> ids,
                     const char* finish_reason = "stop", Json fields = Json::object()) {
  GenerationRow row;
  row.prompt = prompt;
  row.fields = std::move(fields);
  row.generations.push_back({text, std::move(ids), std::nullopt, finish_reason, Json::object()});
  return row;
}

GenerationRow judged(GenerationRow row, int64_t tokens, double nll) {
  JudgedContinuation one;
  one.full_tokens = 9, one.prompt_tokens = 2;
  one.continuation_tokens = tokens, one.continuation_nll = nll;
  row.generations[0].fields["judged"]["j"] = to_json(one);
  return row;
}

const std::vector<GenerationRow> kPlain = {
    answer("capital of France?", "Paris.", TokenIds{1, 2, 3}, "stop", {{"answers", {"Paris"}}}),
    answer("hello", "Hi!", TokenIds{4, 5}),
    answer("a poem", "Roses", TokenIds{6, 7, 8, 9}, "length"),
    answer("2+2", "5", TokenIds{9}, "stop", {{"answers", {"4", "four"}}}),
};

TEST(Ordinary, CountsWhatTheAnswersAre) {
  const OrdinaryReport report = measure_ordinary(kPlain);
  EXPECT_EQ(report.prompts, 4u);
  EXPECT_EQ(report.looping->count, 0u);
  EXPECT_EQ(report.looping->of, 4u);
  EXPECT_EQ(report.ended.value(), 0.75);
  EXPECT_EQ(report.right.count, 1u);
  EXPECT_EQ(report.right.of, 2u) << "prompts without right answers are not asked";
  EXPECT_EQ(report.refused.count, 0u);
  EXPECT_EQ(report.tokens->value, 2.5);
  EXPECT_EQ(to_json(report)["right"]["value"], 0.5);
  EXPECT_EQ(to_json(report)["right"]["bootstrap_95"], Json({0.0, 1.0}));
}

TEST(Ordinary, AnswersAreComparedPromptByPrompt) {
  const std::vector<GenerationRow> setting = {
      answer("2+2", "4", TokenIds{8}, "stop", {{"answers", {"4", "four"}}}),
      answer("capital of France?", "Paris.", TokenIds{1, 2, 3}, "stop", {{"answers", {"Paris"}}}),
      answer("hello", "I cannot help with that.", TokenIds{4, 5, 6, 7}),
      answer("a poem", "Rosy", TokenIds{6, 7, 8, 5}, "length"),
      answer("only here", "", TokenIds{}),
  };
  const OrdinaryComparison comparison = compare_ordinary(kPlain, setting);
  EXPECT_EQ(comparison.pairs, 4u);
  EXPECT_EQ(comparison.unpaired, 1u);
  EXPECT_EQ(comparison.identical.count, 1u);
  EXPECT_NEAR(comparison.mean_first_difference, (2 + 3 + 0) / 3.0, 1e-12);
  EXPECT_EQ(comparison.median_first_difference, 2.0);
  EXPECT_EQ(comparison.differences.at("right").difference, 0.5);
  EXPECT_EQ(comparison.differences.at("right").pairs, 2u);
  EXPECT_EQ(comparison.differences.at("refused").difference, 0.25);
  EXPECT_EQ(comparison.differences.at("tokens").difference, 0.5);
  EXPECT_EQ(to_json(comparison)["identical"]["value"], 0.25);
}

TEST(Ordinary, APlainAnswerIsIdenticalToItself) {
  const OrdinaryComparison comparison = compare_ordinary(kPlain, kPlain);
  EXPECT_EQ(comparison.identical.value(), 1.0);
  EXPECT_EQ(comparison.identical.bootstrap_95.low, 1.0);
  EXPECT_TRUE(std::isnan(comparison.median_first_difference));
  for (const auto& [name, difference] : comparison.differences) EXPECT_EQ(difference.difference, 0.0) << name;
}

TEST(Ordinary, PerplexityIsPooledAndARatioToPlains) {
  const std::vector<GenerationRow> plain = {judged(kPlain[0], 2, 2 * std::log(4.0)),
                                            judged(kPlain[1], 1, std::log(4.0))};
  const std::vector<GenerationRow> setting = {judged(kPlain[0], 3, 3 * std::log(8.0)),
                                              judged(kPlain[1], 3, 3 * std::log(8.0))};
  EXPECT_NEAR(measure_ordinary(setting).perplexity.at("j").ppl, 8.0, 1e-12);
  const PairedRatio ratio = compare_ordinary(plain, setting).perplexity_ratio.at("j");
  EXPECT_NEAR(ratio.ratio, 2.0, 1e-12);
  EXPECT_NEAR(ratio.bootstrap_95.low, 2.0, 1e-12);
  EXPECT_TRUE(compare_ordinary(kPlain, setting).perplexity_ratio.empty());
}

TEST(Ordinary, WithoutIdsTextsAreComparedAndNothingIsSaidOfTokens) {
  const std::vector<GenerationRow> one = {answer("p", "a", std::nullopt), answer("q", "b", std::nullopt)};
  const std::vector<GenerationRow> other = {answer("p", "a", std::nullopt), answer("q", "c", TokenIds{1})};
  EXPECT_FALSE(measure_ordinary(one).looping);
  const OrdinaryComparison comparison = compare_ordinary(one, other);
  EXPECT_EQ(comparison.identical.value(), 0.5);
  EXPECT_FALSE(comparison.differences.contains("looping"));
  EXPECT_TRUE(to_json(comparison)["mean_first_difference"].is_null());
}

TEST(Ordinary, RefusesRowsThatAreNoAnswers) {
  std::vector<GenerationRow> rows = {kPlain[0]};
  rows[0].generations.push_back(rows[0].generations[0]);
  EXPECT_THROW(measure_ordinary(rows), FormatError);
  rows = {answer("p", "a", TokenIds{1}, "stop", {{"answers", "a"}})};
  EXPECT_THROW(measure_ordinary(rows), FormatError);
  EXPECT_THROW(compare_ordinary(kPlain, {answer("other", "a", TokenIds{1})}), MismatchError);
}

TEST(Ordinary, TheTableHasALinePerSettingAndCountsBesideShares) {
  const std::vector<GenerationRow> setting = {kPlain[0], kPlain[1], kPlain[2],
                                              answer("2+2", "4", TokenIds{8}, "stop", {{"answers", {"4"}}})};
  const OrdinaryReport plain = measure_ordinary(kPlain), changed = measure_ordinary(setting);
  const OrdinaryComparison comparison = compare_ordinary(kPlain, setting);
  const std::string text = ordinary_table({{"plain", plain}, {"f-0.5", changed, &comparison, 0.25, 70}}).to_markdown();
  EXPECT_NE(text.find("3/4 = .75"), std::string::npos) << text;
  EXPECT_NE(text.find("1/2 = .50"), std::string::npos) << text;
  EXPECT_NE(text.find("0.250 |       70 |"), std::string::npos) << text;
}

}  // namespace
}  // namespace limpid
