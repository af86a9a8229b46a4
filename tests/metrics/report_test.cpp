#include "limpid/metrics/report.h"

#include <gtest/gtest.h>

#include <cmath>

namespace limpid {
namespace {

GenerationRow row_of(const std::string& prompt, std::vector<std::pair<std::string, std::optional<double>>> texts) {
  GenerationRow row;
  row.prompt = prompt;
  for (auto& [text, toxicity] : texts) row.generations.push_back({text, std::nullopt, toxicity, "", Json::object()});
  return row;
}

JudgedContinuation judged(size_t prompt, int64_t tokens, double nll) {
  JudgedContinuation one;
  one.prompt = prompt;
  one.full_tokens = 9, one.prompt_tokens = 2;
  one.continuation_tokens = tokens, one.continuation_nll = nll;
  return one;
}

TEST(MetricsReport, PutsEverythingUnderOneRoof) {
  auto rows = std::vector{row_of("p", {{" a b", 0.75}, {"", 0.25}}), row_of("q", {{" c", std::nullopt}})};
  rows[0].generations[0].finish_reason = "stop";
  const std::vector<JudgedContinuation> nlls = {judged(0, 2, 2 * std::log(3.0))};
  const Json json = to_json(compute_metrics(rows, {}, nlls));
  EXPECT_EQ(json["prompts"], 2);
  EXPECT_EQ(json["continuations"], 3);
  EXPECT_EQ(json["samples_per_prompt"], Json::array({1, 2}));
  EXPECT_EQ(json["emt"]["value"], 0.75);
  EXPECT_EQ(json["missing_scores"], 1);
  EXPECT_EQ(json["words_per_continuation"], 1.0);
  EXPECT_EQ(json["finish_reasons"], (Json{{"stop", 1}}));
  EXPECT_NEAR(json["ppl"].get<double>(), 3.0, 1e-12);
  EXPECT_TRUE(json.contains("dist3_corpus"));
  EXPECT_EQ(json["settings"]["bootstrap"]["replicates"], 10000);
  EXPECT_TRUE(json["tokens_per_continuation"].is_null());
}

TEST(MissingScores, AreToldUnlessThereAreNoneOrNothingElse) {
  const auto told = [](std::optional<double> first, std::optional<double> second) {
    return missing_scores(compute_metrics({row_of("p", {{"a", first}, {"b", second}})}));
  };
  EXPECT_EQ(told(0.5, std::nullopt), "scores missing (null or NaN) and left out: 1 of 2");
  EXPECT_EQ(told(0.5, 0.5), "");
  EXPECT_EQ(told(std::nullopt, std::nullopt), "");
}

TEST(MetricsReport, WithoutAJudgeHasNoPerplexityButKnowsEmptyTexts) {
  const Json json = to_json(compute_metrics({row_of("p", {{"", 0.5}, {"x", 0.5}})}));
  EXPECT_FALSE(json.contains("ppl"));
  EXPECT_EQ(json["empty_share"], 0.5);
}

TEST(MetricsReport, OfNoRowsIsUndefinedNotACrash) {
  const Json json = to_json(compute_metrics({}));
  EXPECT_EQ(json["prompts"], 0);
  EXPECT_TRUE(json["emt"]["value"].is_null());
  EXPECT_TRUE(json["empty_share"].is_null());
}

TEST(SummaryTable, ShowsValuesWithTheirIntervals) {
  const auto report = compute_metrics({row_of("p", {{"a b", 0.5}}), row_of("q", {{"a b", 0.5}})});
  const Table table = summary_table({{"plain", report}});
  EXPECT_NE(table.to_markdown().find("| plain   | .500 [.500, .500] |"), std::string::npos) << table.to_markdown();
  EXPECT_EQ(table.to_json()[0]["emt"], 0.5);
  EXPECT_TRUE(table.to_json()[0]["ppl"].is_null());
}

TEST(CompareRuns, PairsPromptsByTextInAnyOrder) {
  const std::vector<GenerationRow> first = {row_of("p", {{"a", 0.9}}), row_of("q", {{"b", 0.5}}),
                                            row_of("r", {{"c", 0.1}})};
  const std::vector<GenerationRow> second = {row_of("q", {{"b", 0.3}}), row_of("p", {{"a", 0.7}}),
                                             row_of("s", {{"c", 0.1}})};
  const auto comparison = compare_runs({first}, {second});
  EXPECT_EQ(comparison.pairs, 2u);
  EXPECT_EQ(comparison.unpaired, 2u);
  EXPECT_NEAR(comparison.metrics.at("emt").difference, -0.2, 1e-12);
  EXPECT_TRUE(comparison.metrics.at("emt").excludes_zero());
  EXPECT_DOUBLE_EQ(comparison.metrics.at("toxicity_probability").difference, 0.0);  // .5 is not above .5
  EXPECT_FALSE(comparison.metrics.contains("ppl"));
}

TEST(CompareRuns, PairsEqualPromptsInTheirOrder) {
  const std::vector<GenerationRow> first = {row_of("p", {{"a", 0.1}}), row_of("p", {{"a", 0.9}})};
  const std::vector<GenerationRow> second = {row_of("p", {{"a", 0.2}}), row_of("p", {{"a", 1.0}})};
  const auto comparison = compare_runs({first}, {second});
  EXPECT_EQ(comparison.pairs, 2u);
  EXPECT_NEAR(comparison.metrics.at("emt").interval.low, 0.1, 1e-12);
  EXPECT_NEAR(comparison.metrics.at("emt").interval.high, 0.1, 1e-12);
}

TEST(CompareRuns, LeavesOutPromptsThatOneSideCouldNotScore) {
  const std::vector<GenerationRow> first = {row_of("p", {{"a", 0.5}}), row_of("q", {{"a", 0.5}})};
  const std::vector<GenerationRow> second = {row_of("p", {{"a", std::nullopt}, {"b", std::nullopt}}),
                                             row_of("q", {{"a", 0.25}})};
  const auto comparison = compare_runs({first}, {second});
  EXPECT_EQ(comparison.metrics.at("emt").pairs, 1u);
  EXPECT_EQ(comparison.metrics.at("dist1").pairs, 2u);
  EXPECT_EQ(comparison.pairs_with_other_sample_counts, 1u);
}

TEST(CompareRuns, ComparesPooledPerplexityOverTheSharedPrompts) {
  const std::vector<GenerationRow> first = {row_of("p", {{"a", 0.5}})},
                                   second = {row_of("x", {}), row_of("p", {{"b", 0.5}})};
  const std::vector<JudgedContinuation> one = {judged(0, 2, 2 * std::log(4.0))};
  const std::vector<JudgedContinuation> two = {judged(0, 1, 9.0), judged(1, 3, 3 * std::log(5.0))};
  const auto comparison = compare_runs({first, one}, {second, two});
  EXPECT_NEAR(comparison.metrics.at("ppl").difference, 1.0, 1e-12);
  EXPECT_NEAR(to_json(comparison)["ppl"]["bootstrap_95"][1].get<double>(), 1.0, 1e-12);
}

TEST(CompareRuns, RefusesRunsOfOtherPrompts) {
  const std::vector<GenerationRow> first = {row_of("p", {})}, second = {row_of("q", {})};
  EXPECT_THROW(compare_runs({first}, {second}), MismatchError);
  const std::vector<JudgedContinuation> stray = {judged(5, 1, 1.0)};
  EXPECT_THROW(compare_runs({first, stray}, {first, stray}), ShapeError);
}

}  // namespace
}  // namespace limpid
