#include "limpid/metrics/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace limpid {
namespace {

TEST(Statistics, InterpolatesPercentilesBetweenOrderStatistics) {
  const std::vector<double> values = {1, 2, 4};
  EXPECT_DOUBLE_EQ(percentile(values, 0), 1);
  EXPECT_DOUBLE_EQ(percentile(values, 25), 1.5);
  EXPECT_DOUBLE_EQ(percentile(values, 50), 2);
  EXPECT_DOUBLE_EQ(percentile(values, 75), 3);
  EXPECT_DOUBLE_EQ(percentile(values, 100), 4);
}

TEST(Statistics, LeavesUndefinedWhatTooFewValuesCannotSay) {
  EXPECT_TRUE(std::isnan(mean({})));
  EXPECT_TRUE(std::isnan(percentile({}, 50)));
  EXPECT_TRUE(std::isnan(standard_error(std::vector<double>{1.0})));
  EXPECT_TRUE(number_or_null(mean({})).is_null());
}

TEST(Statistics, WilsonStaysInsideWhereTheNormalIntervalDoesNot) {
  const Interval none = wilson_interval(0, 10), half = wilson_interval(5, 10);
  EXPECT_NEAR(none.low, 0.0, 1e-15);
  EXPECT_NEAR(none.high, 0.27753, 1e-5);  // z^2 / (n + z^2) = 3.8415 / 13.8415
  EXPECT_NEAR(half.low, 0.23659, 1e-5);
  EXPECT_NEAR(half.high, 0.76341, 1e-5);
}

TEST(Bootstrap, OfEqualValuesHasNoWidth) {
  const std::vector<double> values(7, 0.25);
  const Interval interval = bootstrap_mean(values);
  EXPECT_DOUBLE_EQ(interval.low, 0.25);
  EXPECT_DOUBLE_EQ(interval.high, 0.25);
}

TEST(Bootstrap, OfTwoCoinSidesTakesEachMeanWithItsChance) {
  // Means 0, 1/2, 1 with chances 1/4, 1/2, 1/4: the middle 40 % is 1/2 alone, the middle 95 % everything.
  BootstrapOptions options;
  options.confidence = 0.4;
  const std::vector<double> values = {0, 1};
  EXPECT_DOUBLE_EQ(bootstrap_mean(values, options).low, 0.5);
  EXPECT_DOUBLE_EQ(bootstrap_mean(values, options).high, 0.5);
  options.confidence = 0.95;
  EXPECT_DOUBLE_EQ(bootstrap_mean(values, options).low, 0.0);
  EXPECT_DOUBLE_EQ(bootstrap_mean(values, options).high, 1.0);
}

TEST(Bootstrap, CoversAboutTwoStandardErrors) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back((i * 37 % 400) / 400.0);
  const Interval interval = bootstrap_mean(values);
  const double half = (interval.high - interval.low) / 2;
  EXPECT_NEAR(half / (1.96 * standard_error(values)), 1.0, 0.05);
}

TEST(Bootstrap, DependsOnItsSeedAndOnNothingElse) {
  const std::vector<double> values = {0.1, 0.9, 0.4, 0.35, 0.6, 0.2};
  BootstrapOptions one, two;
  two.seed = 2;
  one.replicates = two.replicates = 101;
  EXPECT_EQ(bootstrap_mean(values, one).low, bootstrap_mean(values, one).low);
  EXPECT_NE(bootstrap_mean(values, one).low, bootstrap_mean(values, two).low);
}

TEST(Bootstrap, WeighsARatioByItsDenominators) {
  const std::vector<double> nll = {10, 90}, tokens = {10, 30};
  const Interval interval = bootstrap_ratio(nll, tokens);
  EXPECT_DOUBLE_EQ(interval.low, 1.0);   // first prompt twice
  EXPECT_DOUBLE_EQ(interval.high, 3.0);  // second prompt twice
  EXPECT_THROW(bootstrap_ratio(nll, std::vector<double>{1}), ShapeError);
}

TEST(Bootstrap, LeavesOutDrawsWhereTheStatisticIsUndefined) {
  const std::vector<double> nll = {0, 6}, tokens = {0, 3};
  const Interval interval = bootstrap_ratio(nll, tokens);
  EXPECT_DOUBLE_EQ(interval.low, 2.0);
  EXPECT_DOUBLE_EQ(interval.high, 2.0);
}

TEST(Bootstrap, RefusesSettingsThatMakeNoSense) {
  const std::vector<double> values = {1, 2};
  BootstrapOptions options;
  options.replicates = 0;
  EXPECT_THROW(bootstrap_mean(values, options), ConfigError);
  options = {};
  options.confidence = 1.0;
  EXPECT_THROW(bootstrap_mean(values, options), ConfigError);
}

TEST(PairedDifference, TakesOutWhatThePromptsHaveInCommon) {
  std::vector<double> first, second;
  for (int i = 0; i < 50; ++i) {
    first.push_back(i / 50.0);
    second.push_back(i / 50.0 - 0.1);
  }
  const auto paired = paired_difference(first, second);
  EXPECT_NEAR(paired.difference, -0.1, 1e-12);
  EXPECT_NEAR(paired.interval.low, -0.1, 1e-12);
  EXPECT_TRUE(paired.excludes_zero());
  const Interval a = bootstrap_mean(first), b = bootstrap_mean(second);
  EXPECT_GT(b.high, a.low);  // apart, the two runs could not be told from each other
  EXPECT_THROW(paired_difference(first, std::vector<double>{1}), ShapeError);
}

TEST(PairedDifference, ComparesPooledPerplexities) {
  const std::vector<double> tokens = {10, 30}, one = {10, 30}, two = {20, 60};
  const auto paired = paired_ratio_difference({one, tokens}, {two, tokens}, [](double x) { return std::exp(x); });
  EXPECT_NEAR(paired.difference, std::exp(2.0) - std::exp(1.0), 1e-12);
  EXPECT_NEAR(paired.interval.low, paired.difference, 1e-12);
}

TEST(SplitMix64, GivesThePublishedSequence) {
  SplitMix64 stream(1234567);
  for (uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u})
    EXPECT_EQ(stream.next(), expected);
}

}  // namespace
}  // namespace limpid
