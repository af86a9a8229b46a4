#include "limpid/data/generations.h"

#include <gtest/gtest.h>

#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

template <class Function>
std::string error_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(ReadPrompts, TakesStringsAndObjectsWithText) {
  TempDir dir;
  const auto path = dir.write("p.jsonl",
                              "{\"prompt\": \"One day\", \"toxicity\": 0.25, \"label\": 1}\n\n"
                              "{\"prompt\": {\"text\": \"Then\", \"toxicity\": 0.75}, \"challenging\": true}\n"
                              "{\"prompt\": {\"text\": \"So\", \"toxicity\": null}}\n");
  const auto prompts = read_prompts(path);
  ASSERT_EQ(prompts.size(), 3u);
  EXPECT_EQ(prompts[0].text, "One day");
  EXPECT_EQ(prompts[0].toxicity, 0.25);
  EXPECT_EQ(prompts[0].fields["label"], 1);
  EXPECT_EQ(prompts[1].text, "Then");
  EXPECT_EQ(prompts[1].toxicity, 0.75);
  EXPECT_EQ(prompts[2].toxicity, std::nullopt);
}

TEST(ReadPrompts, NanIsAMissingScoreAsNullIs) {
  TempDir dir;
  const auto prompts = read_prompts(dir.write("p.jsonl", "{\"prompt\": {\"text\": \"NaN\", \"toxicity\": NaN}}\n"));
  EXPECT_EQ(prompts[0].text, "NaN");
  EXPECT_EQ(prompts[0].toxicity, std::nullopt);
  const auto rows = read_generations(
      dir.write("g.jsonl", R"({"prompt": "p", "generations": [{"text": "a", "toxicity": NaN}, {"text": "b"}]})"));
  EXPECT_EQ(rows[0].generations[0].toxicity, std::nullopt);
  EXPECT_EQ(rows[0].generations[1].text, "b");
}

TEST(ReadPrompts, TakesAnyFieldAsThePrompt) {
  TempDir dir;
  EXPECT_EQ(read_prompts(dir.write("q.jsonl", "{\"question\": \"Why?\"}\n"), "question")[0].text, "Why?");
}

TEST(ReadPrompts, TakesPlainTextLinesWithByteOrderMarkAndCarriageReturns) {
  TempDir dir;
  const auto prompts = read_prompts(dir.write("p.txt", "\xEF\xBB\xBF{not json\r\n\r\n  two\nlast"));
  ASSERT_EQ(prompts.size(), 3u);
  EXPECT_EQ(prompts[0].text, "{not json");
  EXPECT_EQ(prompts[1].text, "  two");
  EXPECT_EQ(prompts[2].text, "last");
}

TEST(ReadPrompts, LooksAtTheFirstCharacterWhenTheNameSaysNothing) {
  TempDir dir;
  EXPECT_EQ(read_prompts(dir.write("a", "\n {\"prompt\": \"x\"}\n"))[0].text, "x");
  EXPECT_EQ(read_prompts(dir.write("b", "plain\n"))[0].text, "plain");
}

TEST(ReadPrompts, RefusesWhatIsNotAPromptFile) {
  TempDir dir;
  const auto error = [&](const char* name, const std::string& bytes) {
    const auto path = dir.write(name, bytes);
    return error_of([&] { read_prompts(path); });
  };
  EXPECT_NE(error("empty.txt", "\n \n").find("holds no prompts"), std::string::npos);
  EXPECT_NE(error("latin.txt", "fine\ncaf\xE9\n").find("latin.txt:2: not valid UTF-8"), std::string::npos);
  EXPECT_NE(error("a.jsonl", "{\"text\": \"x\"}\n").find("\"prompt\" is missing; keys found: text"), std::string::npos);
  EXPECT_NE(error("a.jsonl", "{\"two\\nlines\": 1}\n").find("keys found: two\\x0alines"), std::string::npos);
  EXPECT_NE(error("b.jsonl", "{\"prompt\": 3}\n").find("\"prompt\" is a number"), std::string::npos);
  EXPECT_NE(error("c.jsonl", "[1]\n").find("found an array"), std::string::npos);
}

TEST(ReadGenerations, KeepsIdsScoresAndReasons) {
  TempDir dir;
  const auto rows = read_generations(
      dir.write("g.jsonl",
                "{\"id\": \"p0\", \"prompt\": {\"text\": \"A\", \"ids\": [5]}, \"generations\": [{\"text\": \" b\", "
                "\"ids\": [1, 2], "
                "\"toxicity\": 0.5, \"finish_reason\": \"length\"}, {\"text\": \"\", \"toxicity\": null}, \" c\"]}\n"));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].prompt, "A");
  EXPECT_EQ(rows[0].prompt_ids, TokenIds{5});
  EXPECT_EQ(rows[0].fields["id"], "p0");
  ASSERT_EQ(rows[0].generations.size(), 3u);
  EXPECT_EQ(rows[0].generations[0].ids, (TokenIds{1, 2}));
  EXPECT_EQ(rows[0].generations[0].toxicity, 0.5);
  EXPECT_EQ(rows[0].generations[0].finish_reason, "length");
  EXPECT_EQ(rows[0].generations[1].toxicity, std::nullopt);
  EXPECT_EQ(rows[0].generations[2].text, " c");
}

TEST(ReadGenerations, WritesBackWhatItDidNotUnderstand) {
  const std::string line =
      R"({"generations":[{"finish_reason":"stop","ids":[7],"insult":0.1,"text":" b","toxicity":0.25}],"index":3,)"
      R"("meta":{"k":[1]},"prompt":{"source":"x","text":"A"}})";
  const GenerationRow row = parse_generation_row(line, "test");
  EXPECT_EQ(row.index, 3u);
  EXPECT_EQ(to_line(row), line);
}

TEST(ReadGenerations, WritesAFileThatReadsTheSame) {
  TempDir dir;
  GenerationRow row;
  row.prompt = "tab\tand \"quotes\"";
  row.generations.push_back({" ünï\n", TokenIds{}, std::nullopt, "", Json::object()});
  write_generations(dir.path() / "out.jsonl", {row, row});
  const auto back = read_generations(dir.path() / "out.jsonl");
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[1].prompt, row.prompt);
  EXPECT_EQ(back[1].generations[0].text, " ünï\n");
  EXPECT_EQ(back[1].generations[0].ids, TokenIds{});
}

TEST(ReadGenerations, NamesThePlaceOfEveryFault) {
  const auto error = [](const std::string& line) { return error_of([&] { parse_generation_row(line, "g.jsonl:4"); }); };
  const auto expect = [&](const std::string& line, const std::string& part) {
    const std::string message = error(line);
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with("g.jsonl:4")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  };
  expect("{\"prompt\": \"A\", \"generations\"", "not valid JSON");
  expect("{\"prompt\": \"A\xFF\", \"generations\": []}", "not valid JSON");
  expect("[]", "found an array");
  expect("null", "found null");
  expect("{\"generations\": []}", "\"prompt\" is missing");
  expect("{\"prompt\": null, \"generations\": []}", "\"prompt\" is null");
  expect("{\"prompt\": {}, \"generations\": []}", "\"text\" is missing");
  expect("{\"prompt\": {\"text\": 1}, \"generations\": []}", "\"text\" is a number, expected a string");
  expect("{\"prompt\": \"A\"}", "\"generations\" is missing");
  expect("{\"prompt\": \"A\", \"generations\": {\"text\": \"b\"}}", "\"generations\" is an object, expected an array");
  expect("{\"prompt\": \"A\", \"generations\": [3]}", "generations[0] is a number");
  expect("{\"prompt\": \"A\", \"generations\": [\"x\", {}]}", "generations[1]: \"text\" is missing");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"toxicity\": \"high\"}]}",
         "\"toxicity\" is a string");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"toxicity\": 35.0}]}", "expected 0 to 1 or null");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"toxicity\": -0.1}]}", "expected 0 to 1 or null");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"toxicity\": 1e999}]}", "not valid JSON");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"ids\": 4}]}", "expected an array of token ids");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"ids\": [1, -1]}]}", "\"ids\"[1] is not a token id");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"ids\": [4294967296]}]}",
         "\"ids\"[0] is not a token id");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"ids\": [1.5]}]}", "\"ids\"[0] is not a token id");
  expect("{\"prompt\": \"A\", \"index\": -1, \"generations\": []}", "\"index\" is");
  expect("{\"prompt\": \"A\", \"generations\": [{\"text\": \"b\", \"finish_reason\": 1}]}",
         "\"finish_reason\" is a number");
  expect("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}", "nested more than");
}

TEST(ReadGenerations, RefusesAFileWithoutRowsAndAFileThatIsNotThere) {
  TempDir dir;
  const auto empty = dir.write("g.jsonl", "");
  EXPECT_THROW(read_generations(empty), FormatError);
  EXPECT_THROW(read_generations(dir.path() / "absent.jsonl"), IoError);
  EXPECT_THROW(read_generations(dir.path()), IoError);
}

}  // namespace
}  // namespace limpid
