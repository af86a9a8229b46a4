#include "limpid/core/range.h"

#include <gtest/gtest.h>

#include <cmath>

namespace limpid {
namespace {

TEST(Range, HoldsItsEndsUnlessTheyAreLeftOutAndNothingInfinite) {
  const Range closed{.least = 0.0, .most = 1.0};
  EXPECT_TRUE(closed.contains(0.0) && closed.contains(1.0));
  EXPECT_FALSE(closed.contains(-0.1) || closed.contains(1.01) || closed.contains(std::nan("")));
  const Range open{.least = 0.0, .most = 1.0, .without_least = true, .without_most = true};
  EXPECT_FALSE(open.contains(0.0) || open.contains(1.0));
  EXPECT_TRUE(Range().contains(-1e300));
  EXPECT_FALSE(Range().contains(INFINITY));
}

TEST(Range, SaysWhatItHolds) {
  EXPECT_EQ((Range{.least = 0.0, .most = 1.0}).text(), "0 to 1");
  EXPECT_EQ((Range{.least = 0.0, .most = 1.0, .without_least = true}).text(), "above 0 and at most 1");
  EXPECT_EQ((Range{.least = 0.0, .most = 1.0, .without_most = true}).text(), "at least 0 and below 1");
  EXPECT_EQ((Range{.least = 1.0}).text(), "1 or more");
  EXPECT_EQ((Range{.least = 0.0, .without_least = true}).text(), "above 0");
  EXPECT_EQ((Range{.most = 2.0}).text(), "at most 2");
  EXPECT_EQ(Range().text(), "a finite number");
}

}  // namespace
}  // namespace limpid
