#include "limpid/metrics/diversity.h"

#include <gtest/gtest.h>

#include <cmath>

namespace limpid {
namespace {

GenerationRow row_of(const std::string& prompt, const std::vector<std::string>& texts) {
  GenerationRow row;
  row.prompt = prompt;
  for (const std::string& text : texts) row.generations.push_back({text, {}, {}, "", Json::object()});
  return row;
}

TEST(CountNgrams, SplitsOnSingleSpacesAndNeverAcrossTexts) {
  const auto counts = count_ngrams({"a b a b", "b a"});
  EXPECT_EQ(counts.words, 6u);
  EXPECT_EQ(counts.distinct[0], 2u);  // a, b
  EXPECT_EQ(counts.distinct[1], 2u);  // ab, ba
  EXPECT_EQ(counts.ngrams[1], 4u);    // 3 + 1, none from the first text into the second
  EXPECT_EQ(counts.distinct[2], 2u);  // aba, bab
}

TEST(CountNgrams, CountsEmptyWordsOfLeadingSpacesAndEmptyTexts) {
  EXPECT_EQ(count_ngrams({" a"}).words, 2u);
  EXPECT_EQ(count_ngrams({""}).words, 1u);
  EXPECT_EQ(count_ngrams({"", " a", "a"}).distinct[0], 2u);  // "" and "a"
  EXPECT_EQ(count_ngrams({}).words, 0u);
}

TEST(CountNgrams, DoesNotTakeAShortNgramForALongOne) {
  // "" has number 0, which also fills the unused places of shorter n-grams.
  const auto counts = count_ngrams({"  "});  // three empty words
  EXPECT_EQ(counts.distinct, (std::array<size_t, kMaxDistN>{1, 1, 1}));
}

TEST(Diversity, DividesByWordsForEveryNAndAveragesOverPrompts) {
  const auto report = measure_diversity({row_of("p", {"a b a b", "b a"}), row_of("q", {"x y"})});
  EXPECT_DOUBLE_EQ(report.dist[0].value.value, (2.0 / 6 + 2.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(report.dist[1].value.value, (2.0 / 6 + 1.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(report.dist[2].value.value, (2.0 / 6 + 0.0 / 2) / 2);
}

TEST(Diversity, CountsThePromptInUniDetoxsVariant) {
  const auto report = measure_diversity({row_of("a", {" b", " c"})});  // "a b", "a c": 3 distinct of 4 words
  EXPECT_DOUBLE_EQ(report.dist[0].prompt_plus_continuation, 0.75);
  EXPECT_DOUBLE_EQ(report.dist[1].prompt_plus_continuation, 0.5);
}

TEST(Diversity, PoolsAllPromptsAndDividesByNgramsInTheCorpusVariant) {
  const auto report = measure_diversity({row_of("p", {"a b"}), row_of("q", {"a b", "c d"})});
  EXPECT_DOUBLE_EQ(report.dist[0].corpus, 4.0 / 6);
  EXPECT_DOUBLE_EQ(report.dist[1].corpus, 2.0 / 3);
  EXPECT_TRUE(std::isnan(report.dist[2].corpus));  // there are no trigrams
}

TEST(Diversity, LeavesOutPromptsWithoutContinuations) {
  const auto report = measure_diversity({row_of("p", {}), row_of("q", {"a b"})});
  EXPECT_TRUE(std::isnan(report.dist[0].per_prompt[0]));
  EXPECT_DOUBLE_EQ(report.dist[0].value.value, 1.0);
  EXPECT_TRUE(to_json(measure_diversity({}))["dist1"]["value"].is_null());
}

}  // namespace
}  // namespace limpid
