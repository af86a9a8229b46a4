#include "limpid/server/request_log.h"

#include <gtest/gtest.h>

#include <regex>

namespace limpid::server {
namespace {

RequestRecord example_record() {
  return {.route = "/v1/completions",
          .id = "8f3k",
          .key = 2,
          .status = 200,
          .prompt_tokens = 31,
          .generated_tokens = 12,
          .seconds = 0.2144};
}

TEST(RequestLog, IsOneLineARequest) {
  const std::regex expected(
      R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 8f3k /v1/completions 200 prompt 31 new 12 214 ms key 2\n)");
  EXPECT_TRUE(std::regex_match(log_line(example_record()), expected)) << log_line(example_record());
}

TEST(RequestLog, SaysNothingOfKeysWhereThereAreNoneAndThatAClientWasGone) {
  RequestRecord record = example_record();
  record.key = 0;
  record.status = 0;
  const std::string line = log_line(record);
  EXPECT_EQ(line.find("key"), std::string::npos);
  EXPECT_NE(line.find(" gone "), std::string::npos);
}

TEST(RequestLog, StaysOneLineWhateverAnIdHolds) {
  RequestRecord record = example_record();
  record.id = "a\r\nb\x1b[31m";
  const std::string line = log_line(record);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_NE(line.find(R"( a\x0d\nb\x1b[31m )"), std::string::npos) << line;
}

TEST(RequestLog, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(escaped("plain é 🦊"), "plain é 🦊");
  EXPECT_EQ(escaped(std::string("a\0b", 3)), R"(a\x00b)");
  EXPECT_EQ(escaped("a\\nb"), R"(a\\nb)");  // a backslash is told from an escape
  EXPECT_EQ(escaped("\xc2\x9b"
                    "31m"),
            R"(\xc2\x9b31m)");  // a control sequence's beginning, in two bytes
  EXPECT_EQ(escaped("\x9b"
                    "31m\xff"),
            R"(\x9b31m\xff)");                            // and in one, which is no UTF-8
  EXPECT_EQ(escaped("\xe2\x80\xa8"), R"(\xe2\x80\xa8)");  // U+2028 ends a line
}

TEST(RequestLog, WritesWholeLines) {
  std::FILE* file = std::tmpfile();
  RequestLog log(file);
  log.finished(example_record());
  log.text("8f3k", "prompt", "two\nlines");
  std::rewind(file);
  char first[256], second[256], third[256];
  ASSERT_TRUE(std::fgets(first, sizeof(first), file) && std::fgets(second, sizeof(second), file));
  EXPECT_TRUE(std::string(second).ends_with(" 8f3k prompt: two\\nlines\n")) << second;
  EXPECT_FALSE(std::fgets(third, sizeof(third), file));
  std::fclose(file);
}

}  // namespace
}  // namespace limpid::server
