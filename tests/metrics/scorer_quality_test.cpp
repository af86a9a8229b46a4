#include "limpid/metrics/scorer_quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

TEST(RocAuc, IsTheShareOfPairsInTheRightOrder) {
  const std::vector<int> labels = {1, 0, 1, 0};
  EXPECT_DOUBLE_EQ(roc_auc(labels, std::vector<double>{.9, .1, .8, .2}), 1.0);
  EXPECT_DOUBLE_EQ(roc_auc(labels, std::vector<double>{.9, .3, .2, .1}), 0.75);  // only (.2, .3) is wrong
  EXPECT_DOUBLE_EQ(roc_auc(labels, std::vector<double>{.5, .5, .5, .5}), 0.5);   // ties count half
  EXPECT_DOUBLE_EQ(roc_auc(labels, std::vector<double>{.5, .5, .9, .1}), 0.875);
  EXPECT_TRUE(std::isnan(roc_auc(std::vector<int>{1, 1}, std::vector<double>{.1, .2})));
  EXPECT_TRUE(std::isnan(roc_auc({}, {})));
}

TEST(AveragePrecision, AddsUpPrecisionWhereRecallGrows) {
  // 1 0 1 from the top: 1/2 * 1 + 1/2 * 2/3
  EXPECT_DOUBLE_EQ(average_precision(std::vector<int>{1, 0, 1}, std::vector<double>{.9, .5, .4}), 0.5 + 1.0 / 3);
  // all tied: one step with precision 2/3
  EXPECT_DOUBLE_EQ(average_precision(std::vector<int>{1, 0, 1}, std::vector<double>{.5, .5, .5}), 2.0 / 3);
  EXPECT_TRUE(std::isnan(average_precision(std::vector<int>{0}, std::vector<double>{.5})));
}

TEST(CalibrationError, WeighsEachBinByItsTexts) {
  // Two bins: {.2, .4} with one hit, |.6 - 1|; {.9, 1} with two hits, |1.9 - 2|; over 4.
  EXPECT_NEAR(calibration_error(std::vector<double>{.2, .4, .9, 1}, std::vector<int>{0, 1, 1, 1}, 2), 0.125, 1e-15);
  EXPECT_THROW(calibration_error({}, {}, 0), ConfigError);
  EXPECT_TRUE(std::isnan(calibration_error({}, {}, 10)));
}

TEST(ExactBin, PutsDecimalsOnTheirOwnSideOfAnEdge) {
  EXPECT_EQ(exact_bin(0.0, 10, false), 0u);
  EXPECT_EQ(exact_bin(0.3, 10, false), 3u);
  EXPECT_EQ(exact_bin(0.29, 100, false), 29u);
  EXPECT_LT(0.29 * 100, 29.0);               // why it is needed
  EXPECT_EQ(exact_bin(1.0, 10, false), 9u);  // the last bin is closed
  EXPECT_EQ(exact_bin(0.1, 10, true), 9u);
  EXPECT_EQ(exact_bin(0.3, 10, true), 7u);  // 1 - 0.3 = 0.7 exactly
  EXPECT_EQ(exact_bin(0.5, 10, true), 5u);
  EXPECT_EQ(exact_bin(1e-300, 10, false), 0u);
  EXPECT_EQ(exact_bin(5e-324, 10, true), 9u);
  EXPECT_EQ(exact_bin(0.12345678901234567, 1000000, false), 123456u);
  EXPECT_EQ(exact_bin(0.9999999999999999, 1000000, false), 999999u);
}

TEST(Scorer, CountsAScoreAtTheThresholdAsNotToxic) {
  LabelledScores data{{1, 1, 0, 0, 0}, {0.9, 0.5, 0.6, 0.5, 0.1}, {}};
  const auto report = measure_scorer(data);
  EXPECT_EQ(report.confusion.tp, 1u);
  EXPECT_EQ(report.confusion.fn, 1u);
  EXPECT_EQ(report.confusion.fp, 1u);
  EXPECT_EQ(report.confusion.tn, 2u);
  EXPECT_DOUBLE_EQ(report.confusion.accuracy, 0.6);
  EXPECT_DOUBLE_EQ(report.confusion.f1, 0.5);
  EXPECT_NEAR(report.brier, (.01 + .25 + .36 + .25 + .01) / 5, 1e-15);
}

TEST(Scorer, FindsAScorerThatTakesAMentionForToxicity) {
  // Four texts mention the group: all score .8 or more; the background is scored well.
  LabelledScores data{
      {0, 0, 1, 1, 0, 0, 1, 1}, {.8, .85, .9, .95, .1, .2, .7, .75}, {{"g"}, {"g"}, {"g"}, {"g"}, {}, {}, {}, {}}};
  const auto report = measure_scorer(data);
  const IdentityAuc& areas = report.identity_auc.at("g");
  EXPECT_DOUBLE_EQ(areas.subgroup, 1.0);
  EXPECT_DOUBLE_EQ(areas.bpsn, 0.0);  // every harmless mention above every toxic text without one
  EXPECT_DOUBLE_EQ(areas.bnsp, 1.0);
  EXPECT_EQ(areas.size, 4u);
  EXPECT_DOUBLE_EQ(report.identity_power_mean.bpsn, 0.0);
  EXPECT_DOUBLE_EQ(report.combined, 0.25 * (report.roc_auc + 1 + 0 + 1));
}

TEST(Scorer, TakesThePowerMeanOverIdentitiesThatHaveAnArea) {
  LabelledScores data{{1, 0, 1, 0, 1}, {.9, .1, .4, .6, .5}, {{"a"}, {"a"}, {"b"}, {"b"}, {"only-positives"}}};
  ScorerOptions options;
  options.power = -1;
  const auto report = measure_scorer(data, options);
  EXPECT_TRUE(std::isnan(report.identity_auc.at("only-positives").subgroup));
  EXPECT_DOUBLE_EQ(report.identity_power_mean.subgroup, 0.0);  // a: 1, b: 0; harmonic
  EXPECT_TRUE(to_json(report)["identity_auc"]["only-positives"]["subgroup"].is_null());
}

TEST(Scorer, WithoutIdentitiesHasNoCombinedValue) {
  const Json json = to_json(measure_scorer({{1, 0}, {.9, .1}, {}}));
  EXPECT_EQ(json["roc_auc"], 1.0);
  EXPECT_TRUE(json["combined"].is_null());
  EXPECT_TRUE(json["identity_auc"].empty());
}

TEST(Scorer, RefusesListsThatDoNotFitAndValuesOutOfRange) {
  EXPECT_THROW(measure_scorer({{1}, {.5, .5}, {}}), ShapeError);
  EXPECT_THROW(measure_scorer({{1, 0}, {.5, .5}, {{"a"}}}), ShapeError);
  EXPECT_THROW(measure_scorer({{2}, {.5}, {}}), FormatError);
  EXPECT_THROW(measure_scorer({{1}, {std::numeric_limits<double>::quiet_NaN()}, {}}), FormatError);
  EXPECT_THROW(measure_scorer({{1}, {1.5}, {}}), FormatError);
}

TEST(ReadLabelledScores, TakesNumbersAndTruthValues) {
  TempDir dir;
  const auto data = read_labelled_scores(dir.write(
      "l.jsonl", "{\"label\": 1, \"score\": 1, \"identities\": [\"x\"]}\n{\"label\": false, \"score\": 0.25}\n"));
  EXPECT_EQ(data.labels, (std::vector<int>{1, 0}));
  EXPECT_EQ(data.scores, (std::vector<double>{1, 0.25}));
  EXPECT_EQ(data.identities[0], std::vector<std::string>{"x"});
}

TEST(ReadLabelledScores, NamesTheLineOfAFault) {
  TempDir dir;
  for (const char* bad : {"{\"score\": 1}", "{\"label\": 1}", "{\"label\": 2, \"score\": 1}",
                          "{\"label\": \"1\", \"score\": 1}", "{\"label\": 1, \"score\": 1.5}",
                          "{\"label\": 1, \"score\": null}", "{\"label\": 1, \"score\": 1, \"identities\": \"x\"}",
                          "{\"label\": 1, \"score\": 1, \"identities\": [1]}", "[]"}) {
    const auto path = dir.write("l.jsonl", std::string("{\"label\": 1, \"score\": 1}\n") + bad + "\n");
    try {
      read_labelled_scores(path);
      ADD_FAILURE() << bad;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find("l.jsonl:2"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(read_labelled_scores(dir.write("e.jsonl", "\n")), FormatError);
}

}  // namespace
}  // namespace limpid
