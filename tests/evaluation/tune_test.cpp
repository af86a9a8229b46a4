#include "limpid/evaluation/tune.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "limpid/core/error.h"

namespace limpid {
namespace {

const TuneTarget kBudget = TuneTarget::budget("ppl=1.05"), kAim = TuneTarget::aim("emt=0.5");

/// Counts the measurements of each strength.
struct Measured {
  std::function<double(double)> ratio;
  std::map<double, int> calls;
  TuneResult tune(const TuneTarget& target, TuneOptions options = {}) {
    return tune_strength(
        [&](double strength) {
          ++calls[strength];
          return ratio(strength);
        },
        target, options);
  }
  size_t total() const { return calls.size(); }
};

double perplexity(double strength) { return std::exp(strength * strength); }  // 1.05 at 0.2209
double toxicity(double strength) { return 1.0 / (1.0 + strength); }           // 0.5 at 1

TEST(TuneTarget, IsAMetricAndANumber) {
  EXPECT_EQ(kBudget.limit, 1.05);
  EXPECT_EQ(TuneTarget::aim("mean=0.25").metric, "mean");
  EXPECT_EQ(kAim.text(), "emt <= 0.5 of plain");
  for (const char* text : {"", "ppl", "ppl=", "ppl=x", "ppl=-1", "ppl=0", "ppl=inf", "emt=1.05"})
    EXPECT_THROW(TuneTarget::budget(text), ConfigError) << text;
  for (const char* text : {"emt", "ppl=0.5", "emt=1", "mean=2", "mean=0.5x"})
    EXPECT_THROW(TuneTarget::aim(text), ConfigError) << text;
  EXPECT_FALSE(kBudget.met_by(std::nan("")));
}

TEST(Tune, ABudgetIsUsedUpFromBelow) {
  for (double start : {0.01, 0.2, 1.0, 3.0}) {
    SCOPED_TRACE(start);
    Measured measured{perplexity};
    const TuneResult found = measured.tune(kBudget, {.start = start, .max_steps = 12});
    ASSERT_TRUE(found.strength);
    const double ratio = perplexity(*found.strength);
    EXPECT_LE(ratio, 1.05);
    EXPECT_GE(ratio, 1.05 - 0.02);
    EXPECT_TRUE(found.monotone);
    for (const auto& [strength, times] : measured.calls) EXPECT_EQ(times, 1) << strength;
  }
}

TEST(Tune, AnAimIsReachedWithAsLittleAsItTakes) {
  for (double start : {0.05, 0.9, 1.0, 7.0}) {
    SCOPED_TRACE(start);
    Measured measured{toxicity};
    const TuneResult found = measured.tune(kAim, {.start = start, .max_steps = 12});
    ASSERT_TRUE(found.strength);
    EXPECT_GE(*found.strength, 1.0);
    EXPECT_GE(toxicity(*found.strength), 0.5 - 0.02);
  }
}

TEST(Tune, AStartThatIsGoodEnoughIsTheOnlyMeasurement) {
  Measured measured{toxicity};
  EXPECT_EQ(*measured.tune(kAim, {.start = 1.0}).strength, 1.0);
  EXPECT_EQ(measured.total(), 1u);
}

TEST(Tune, ABracketAsNarrowAsAskedForEndsTheSearch) {
  Measured step{[](double strength) { return strength < 0.3 ? 1.0 : 2.0; }};  // never near the limit
  const TuneResult found = step.tune(kBudget, {.start = 0.25, .max_steps = 50});
  ASSERT_TRUE(found.strength);
  EXPECT_LT(*found.strength, 0.3);
  EXPECT_GT(*found.strength * 1.05, 0.3);
  EXPECT_LT(step.total(), 50u);
}

TEST(Tune, StopsAtTheEndOfTheMethodsRange) {
  Measured harmless{[](double) { return 1.0; }};
  const TuneResult found = harmless.tune(kBudget, {.start = 0.3, .largest = 1.0});
  EXPECT_EQ(*found.strength, 1.0);
  EXPECT_EQ(harmless.total(), 3u);  // 0.3, 0.6, 1
  EXPECT_THROW(harmless.tune(kBudget, {.start = 2.0, .largest = 1.0}), ConfigError);
  EXPECT_THROW(harmless.tune(kBudget, {.start = 0.0}), ConfigError);
}

TEST(Tune, NothingThatMeetsTheTargetIsSaidWithWhatWasTried) {
  Measured useless{[](double strength) { return 0.9 + 0.01 / strength; }};
  const TuneResult found = useless.tune(kAim, {.start = 0.5, .largest = 2.0});
  EXPECT_FALSE(found.strength);
  EXPECT_EQ(describe_failure(found), "tried 0.5 (0.92), 1 (0.91), 2 (0.905); closest is 2 with 0.905");
}

TEST(Tune, MeasuresNoMoreThanItsSteps) {
  Measured costly{[](double) { return 2.0; }};
  EXPECT_FALSE(costly.tune(kBudget, {.start = 1.0, .max_steps = 4}).strength);
  EXPECT_EQ(costly.total(), 4u);
  EXPECT_EQ(costly.calls.begin()->first, 0.125);
}

TEST(Tune, OnACurveThatTurnsBackTheOutermostThatMeetsTheTargetIsTaken) {
  // Falls below the budget again at high strengths: repetition is fluent to a judge.
  Measured turning{[](double strength) {
    return strength < 0.3 ? 1.0 : strength < 0.9 ? 1.5 : strength < 3 ? 0.9 : 1.6;
  }};
  const TuneResult found = turning.tune(kBudget, {.start = 1.0, .max_steps = 3});  // 1, 2, 4
  EXPECT_EQ(*found.strength, 2.0);
  EXPECT_TRUE(found.monotone);
  Measured wavy{[](double strength) { return strength < 1.5 ? 0.8 : strength < 3 ? 0.45 : 0.6; }};
  const TuneResult smallest = wavy.tune(TuneTarget::aim("emt=0.4"), {.start = 1.0, .max_steps = 3});
  EXPECT_FALSE(smallest.strength);
  EXPECT_FALSE(smallest.monotone);
}

TEST(Tune, ARatioThatIsNoNumberMeetsNothing) {
  Measured broken{[](double strength) { return strength > 0.2 ? std::nan("") : 1.04; }};
  EXPECT_EQ(*broken.tune(kBudget, {.start = 0.4}).strength, 0.2);
}

}  // namespace
}  // namespace limpid
