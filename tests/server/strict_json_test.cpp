#include "limpid/server/json/strict_json.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/server/server_facts.h"

namespace limpid::server {
namespace {

using testing::expect_refusal;
using testing::refusal_of;

void expect_invalid(const std::string& body, const std::string& words = "byte ") {
  SCOPED_TRACE(body.substr(0, 60));
  expect_refusal([&] { read_strict_json(body); }, 400, "invalid_json", "(none)", words);
}

TEST(StrictJson, ReadsWhatRfc8259Allows) {
  const Json value = read_strict_json(" {\"a\":[1,-2,3.5e1,true,null],\"\":{\"b\":\"\\u00e9\\ud83d\\ude00é\"}}\r\n\t");
  EXPECT_EQ(value["a"], Json::parse("[1,-2,35.0,true,null]"));
  EXPECT_EQ(value[""]["b"], "é😀é");
  EXPECT_TRUE(read_strict_json("{}").empty());
}

TEST(StrictJson, RefusesWhatItDoesNotAllow) {
  for (const char* body : {"",
                           " ",
                           "{",
                           "}",
                           "{]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{\"a\":[1,]}",
                           "{,}",
                           "{\"a\":NaN}",
                           "{\"a\":Infinity}",
                           "{\"a\":-Infinity}",
                           "{\"a\":nan}",
                           "{\"a\":+1}",
                           "{\"a\":01}",
                           "{\"a\":1.}",
                           "{\"a\":.5}",
                           "{\"a\":0x10}",
                           "{\"a\":1e}",
                           "{\"a\":-}",
                           "{\"a\":True}",
                           "{\"a\":None}",
                           "{'a':1}",
                           "{a:1}",
                           "{\"a\":1}//c",
                           "/**/{}",
                           "{\"a\":/**/1}",
                           "{} {}",
                           "{}x",
                           "{},",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\"\t\"}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\u12\"}",
                           "{\"a\":\"b}",
                           "{\"a\" 1}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\":[1 2]}",
                           "{\"a\":tru}",
                           "\xEF\xBB\xBF{}",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":\"\xc0\x80\"}",
                           "{\"a\":\"\xed\xa0\x80\"}",
                           "{\"a\":\"\xe2\x96\"}",
                           "{\"a\":\"\xf4\x90\x80\x80\"}",
                           "{\"\xff\":1}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":\"\\ud800x\"}",
                           "{\"a\":\"\\udc00\"}",
                           "{\"a\":\"\\ud800\\ud800\"}",
                           "{\"a\":1e999}",
                           "{\"a\":-1e999}"})
    expect_invalid(body);
  expect_invalid(std::string("{}\0", 3), "byte 3 of 3");
  expect_invalid(std::string("{}\0junk", 7));
  expect_invalid(std::string("{\"a\":\"\0\"}", 9));
}

TEST(StrictJson, WantsAnObjectAtTheTop) {
  for (const char* body : {"[]", "5", "\"SECRET\"", "true", "null"}) expect_invalid(body, "expected an object");
}

TEST(StrictJson, RefusesAKeyThatComesTwiceInOneObject) {
  expect_invalid(R"({"a":1,"b":2,"a":3})", "twice, at byte 16 of 19");
  expect_invalid(R"({"a":1,"\u0061":3})", "twice");
  EXPECT_EQ(read_strict_json(R"({"a":{"a":1},"b":{"a":2}})").size(), 2u);
}

TEST(StrictJson, ReadsSixtyFourLevelsAndNoMore) {
  const auto nested = [](size_t lists) { return "{\"a\":" + std::string(lists, '[') + std::string(lists, ']') + "}"; };
  EXPECT_NO_THROW(read_strict_json(nested(63)));
  expect_invalid(nested(64), "more than 64 lists and objects inside one another, at byte 69 of ");
}

TEST(StrictJson, SaysAtWhichByteItWentWrong) {
  expect_invalid("{\"a\":1,}", "byte 8 of 8");
  expect_invalid("{\"a\":x}", "byte 6 of 7");
}

TEST(StrictJson, NeverQuotesTheBody) {
  for (const char* body : {"{\"prompt\":\"SECRET", "{\"SECRET\":1,\"SECRET\":2}", "{\"a\":\"SECRET\"} SECRET",
                           "{\"a\":\"SECRET\\q\"}", "SECRET"})
    expect_invalid(body);
}

TEST(StrictJson, HostileBodiesOfEightMebibytesTakeLittleTime) {
  constexpr size_t kSize = 8 << 20;
  const auto filled = [](std::string head, const std::string& unit) {
    head.reserve(kSize + unit.size());
    while (head.size() < kSize) head += unit;
    return head;
  };
  std::string keys = "{";
  for (size_t i = 0; keys.size() < kSize; ++i) keys += "\"" + std::to_string(i) + "\":0,";
  const std::string bodies[] = {filled("", "["),
                                filled("", "{\"a\":"),
                                keys,
                                filled("{\"a\":\"", "\\u00e9"),
                                filled("{\"a\":[", "[],"),
                                filled("{\"a\":[", "0,"),
                                filled("{\"a\":", "1"),
                                filled("{\"a\":0.", "0"),
                                filled("{\"a\":\"", "x"),
                                filled("{", " "),
                                filled("{\"a\":\"", "\xf0\x9f\x98\x80")};
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& body : bodies) expect_invalid(body);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(90))
      << "11 bodies; 1.3 s without sanitizers";
}

TEST(StrictJson, BoundsWhatOneBodyMayHold) {
  std::string holders = "{\"a\":[0", numbers = holders;
  for (size_t i = 0; i < 131'072; ++i) holders += ",[]";
  for (size_t i = 0; i < 2'000'000; ++i) numbers += ",0";
  expect_invalid(holders + "]}", "more than 131072 texts, lists and objects");
  expect_invalid(numbers + "]}", "more than 2000000 values");
}

}  // namespace
}  // namespace limpid::server
