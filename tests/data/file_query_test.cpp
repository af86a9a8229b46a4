#include "limpid/data/file_query.h"

#include <gtest/gtest.h>

#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

void expect_split(const std::string& entry, const std::string& path, const std::string& query) {
  const FileQuery split = FileQuery::parse(entry);
  EXPECT_EQ(split.path, path) << entry;
  EXPECT_EQ(split.query, query) << entry;
}

TEST(FileQuery, BeginsAtTheFirstMarkWhereThePathIsNoFile) {
  expect_split("", "", "");
  expect_split("none.jsonl", "none.jsonl", "");
  expect_split("none.jsonl?label=x", "none.jsonl", "label=x");
  expect_split("none.jsonl?label=x?", "none.jsonl", "label=x?");
  expect_split("?threshold=0.5", "", "threshold=0.5");
  expect_split("none.jsonl?", "none.jsonl", "");
}

TEST(FileQuery, LeavesMarksToTheNameOfAFileThatIsThere) {
  const TempDir dir;
  const std::string odd = dir.write("what?.jsonl", "").string(), plain = dir.write("plain.jsonl", "").string();
  expect_split(odd, odd, "");
  expect_split(odd + "?as=toxic", odd, "as=toxic");
  expect_split(odd + "?text=what?", odd, "text=what?");
  expect_split(plain + "?text=what?", plain, "text=what?");
  expect_split(plain + "?text=" + std::string(5000, 'x'), plain, "text=" + std::string(5000, 'x'));
}

TEST(FileQuery, PartsAreKeysAndValuesInOrderAndMayLackAValue) {
  const auto parts = FileQuery{"f", "a=1&b&c=x=y&=z&"}.parts();
  ASSERT_EQ(parts.size(), 5u);
  EXPECT_EQ(parts[0].key + " " + parts[0].value, "a 1");
  EXPECT_EQ(parts[1].key, "b");
  EXPECT_FALSE(parts[1].has_value());
  EXPECT_EQ(parts[2].key + " " + parts[2].value, "c x=y");
  EXPECT_EQ(parts[3].key + " " + parts[3].value, " z");
  EXPECT_EQ(parts[4].text, "");
  EXPECT_TRUE((FileQuery{"f", ""}.parts().empty()));
}

}  // namespace
}  // namespace limpid
