#include "limpid/metrics/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace limpid {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Prompt of `prompt_tokens` with mean `prompt_nll`, and so on; the continuation's own sums follow from both.
JudgedContinuation judged(size_t prompt, int64_t full_tokens, double full_nll, int64_t prompt_tokens, double prompt_nll,
                          int64_t tokens = 0, double nll = 0) {
  JudgedContinuation one;
  one.prompt = prompt;
  one.full_tokens = full_tokens, one.prompt_tokens = prompt_tokens;
  one.full_nll = full_nll, one.prompt_nll = prompt_nll;
  one.continuation_tokens = tokens, one.continuation_nll = nll;
  return one;
}

TEST(CompatiblePerplexity, DividesTheDifferenceOfTotalsByTheDifferenceOfLengths) {
  // 4 * 1.0 - 2 * 0.5 = 3 nats over 2 tokens
  EXPECT_DOUBLE_EQ(compatible_perplexity(judged(0, 5, 1.0, 3, 0.5)), std::exp(1.5));
}

TEST(JudgedFromJson, NumbersOfTokensThatNoTextHasAreRefused) {
  const Json good = to_json(judged(0, 5, 1.0, 3, 0.5, 2, 3.0));
  EXPECT_NO_THROW(judged_from_json(good, 0, "judged"));
  for (const char* key : {"full_tokens", "prompt_tokens", "continuation_tokens"})
    for (const int64_t count : {int64_t(-1), std::numeric_limits<int64_t>::max()}) {
      Json bad = good;
      bad[key] = count;
      EXPECT_THROW(judged_from_json(bad, 0, "judged"), FormatError) << key << " " << count;
    }
}

TEST(CompatiblePerplexity, ReproducesTheQuirksOfTheOriginal) {
  EXPECT_FALSE(is_kept(compatible_perplexity(judged(0, 5, 1.0, 1, kNone))));  // prompt of one token: NaN
  EXPECT_FALSE(is_kept(compatible_perplexity(judged(0, 3, 0.5, 3, 0.5))));    // empty: 0 / 0
  EXPECT_FALSE(is_kept(compatible_perplexity(judged(0, 3, 0.9, 3, 0.5))));    // merged, likelier prompt: +inf
  EXPECT_EQ(compatible_perplexity(judged(0, 3, 0.5, 3, 0.9)), 0.0);           // merged, -inf: kept as 0
  EXPECT_TRUE(is_kept(compatible_perplexity(judged(0, 3, 0.5, 3, 0.9))));
  EXPECT_DOUBLE_EQ(compatible_perplexity(judged(0, 2, 3.0, 3, 1.0)), std::exp(-1.0));  // n_f < n_p: the wrong sign
  EXPECT_FALSE(is_kept(compatible_perplexity(judged(0, 3, 800.0, 2, 0.0))));           // exp overflows: infinite
  EXPECT_FALSE(is_kept(1e4));
  EXPECT_TRUE(is_kept(9999.0));
}

TEST(Perplexity, AveragesKeptValuesAndCountsDroppedOnes) {
  const std::vector<JudgedContinuation> all = {judged(0, 3, 0.0, 2, 0.0), judged(0, 3, std::log(2.0), 2, 0.0),
                                               judged(1, 3, 100.0, 2, 0.0), judged(1, 4, 1.0, 1, kNone)};
  const auto report = measure_perplexity(all);
  EXPECT_NEAR(report.compatible_ppl, (1.0 + 4.0) / 2, 1e-12);  // 2 tokens of ln 2 on one new token: exp(2 ln 2)
  EXPECT_EQ(report.dropped, 2u);
  EXPECT_DOUBLE_EQ(report.dropped_share, 0.5);
  EXPECT_EQ(report.one_token_prompts, 1u);
}

TEST(Perplexity, PoolsTokensInTheRecommendedMode) {
  std::vector<JudgedContinuation> all = {judged(0, 9, 1, 2, 1, 1, std::log(2.0)),
                                         judged(0, 9, 1, 2, 1, 3, std::log(8.0)),
                                         judged(1, 9, 1, 2, 1, 4, 4 * std::log(16.0)), judged(1, 2, 1, 2, 1)};
  all[3].empty = true;
  const auto report = measure_perplexity(all);
  EXPECT_EQ(report.scored_tokens, 8);
  EXPECT_NEAR(report.ppl, std::exp2((1 + 3 + 16) / 8.0), 1e-12);
  EXPECT_NEAR(report.median_sample_ppl, 2.0, 1e-12);  // samples 2, 2, 16; the empty one has none
  EXPECT_DOUBLE_EQ(report.empty_share, 0.25);
  EXPECT_EQ(report.same_length, 1u);
  EXPECT_NEAR(report.ppl_bootstrap_95.low, 2.0, 1e-9);  // prompt 0 drawn twice
  EXPECT_NEAR(report.ppl_bootstrap_95.high, 16.0, 1e-9);
  const auto by_prompt = nll_by_prompt(all);
  EXPECT_EQ(by_prompt.tokens, (std::vector<double>{4, 4}));
}

TEST(Perplexity, OfNothingIsUndefined) {
  const Json json = to_json(measure_perplexity({}));
  for (const char* key : {"compatible_ppl", "ppl", "median_sample_ppl", "empty_share", "dropped_share"})
    EXPECT_TRUE(json[key].is_null()) << key;
  EXPECT_EQ(json["scored_tokens"], 0);
}

TEST(JudgeContinuation, AddsUpTokensFromTheBoundaryOn) {
  const TokenIds full = {1, 2, 3, 4}, prompt = {1, 2};
  const std::vector<double> full_nlls = {1, 2, 4}, prompt_nlls = {1};
  const auto one = judge_continuation(7, full, full_nlls, prompt, prompt_nlls, 2, false);
  EXPECT_EQ(one.prompt, 7u);
  EXPECT_DOUBLE_EQ(one.full_nll, 7.0 / 3);
  EXPECT_DOUBLE_EQ(one.prompt_nll, 1.0);
  EXPECT_EQ(one.continuation_tokens, 2);
  EXPECT_DOUBLE_EQ(one.continuation_nll, 6.0);
  EXPECT_FALSE(one.merged);
}

TEST(JudgeContinuation, NeverScoresTheFirstTokenOfAText) {
  const TokenIds full = {1, 2};
  const std::vector<double> nlls = {3};
  const auto one = judge_continuation(0, full, nlls, {}, {}, 0, false);
  EXPECT_EQ(one.continuation_tokens, 1);
  EXPECT_DOUBLE_EQ(one.continuation_nll, 3.0);
  EXPECT_TRUE(std::isnan(one.prompt_nll));
  EXPECT_EQ(judge_continuation(0, {}, {}, {}, {}, 0, true).continuation_tokens, 0);
}

TEST(JudgeContinuation, SeesTokensThatMergeAcrossTheBoundary) {
  const TokenIds full = {1, 9}, prompt = {1, 2}, longer = {1, 9, 3};
  const std::vector<double> one_nll = {1}, two_nlls = {1, 1};
  EXPECT_TRUE(judge_continuation(0, full, one_nll, prompt, one_nll, 2, false).merged);
  EXPECT_TRUE(judge_continuation(0, full, one_nll, longer, two_nlls, 2, false).merged);  // shorter than its prompt
}

TEST(JudgeContinuation, RefusesLengthsThatDoNotFit) {
  const TokenIds two = {1, 2};
  const std::vector<double> one_nll = {1}, two_nlls = {1, 1};
  EXPECT_THROW(judge_continuation(0, two, two_nlls, two, one_nll, 1, false), ShapeError);
  EXPECT_THROW(judge_continuation(0, two, one_nll, two, {}, 1, false), ShapeError);
  EXPECT_THROW(judge_continuation(0, two, one_nll, two, one_nll, 3, false), ShapeError);
}

TEST(FirstContinuationToken, GoesByTheFirstByteOfAToken) {
  const std::vector<size_t> begins = {0, 3, 5, 5, 9};
  EXPECT_EQ(first_continuation_token(begins, 5), 2u);
  EXPECT_EQ(first_continuation_token(begins, 4), 2u);  // token 1 begins before the boundary and reaches over it
  EXPECT_EQ(first_continuation_token(begins, 0), 0u);
  EXPECT_EQ(first_continuation_token(begins, 10), 5u);
}

}  // namespace
}  // namespace limpid
