#include "limpid/core/names.h"

#include <gtest/gtest.h>

namespace limpid {
namespace {

enum class Fruit { Apple, Pear };
constexpr const char* kFruits[] = {"apple", "pear"};
constexpr Names names_of(Fruit) { return kFruits; }

TEST(Names, GoThereAndBackAndUnknownOnesAreListed) {
  EXPECT_STREQ(name(Fruit::Pear), "pear");
  EXPECT_EQ(named<Fruit>("apple", "fruit"), Fruit::Apple);
  try {
    named<Fruit>("plum", "[market] fruit");
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "[market] fruit \"plum\", expected apple or pear");
  }
}

}  // namespace
}  // namespace limpid
