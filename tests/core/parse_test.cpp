#include "limpid/core/parse.h"

#include <gtest/gtest.h>

namespace limpid {
namespace {

TEST(Split, GivesOnePartMoreThanThereAreSeparators) {
  EXPECT_EQ(split("a|b|", '|'), (std::vector<std::string>{"a", "b", ""}));
  EXPECT_EQ(split("", '|'), std::vector<std::string>{""});
}

TEST(ParseNumber, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_number<double>("0.25"), 0.25);
  EXPECT_EQ(parse_number<double>("+1e-3"), 1e-3);
  EXPECT_EQ(parse_number<float>("0.1"), 0.1f);
  EXPECT_EQ(parse_number<int64_t>("-7"), -7);
  for (const char* text : {"", "x", "1x", " 1", "1 ", "+-1", "inf", "nan", "1e999"})
    EXPECT_FALSE(parse_number<double>(text)) << text;
  for (const char* text : {"", "1.5", "99999999999999999999"}) EXPECT_FALSE(parse_number<int64_t>(text)) << text;
  EXPECT_FALSE(parse_number<size_t>("-1"));
}

}  // namespace
}  // namespace limpid
