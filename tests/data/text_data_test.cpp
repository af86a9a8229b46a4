#include "limpid/data/text_data.h"

#include <gtest/gtest.h>

#include "limpid/data/file_query.h"
#include "tests/support/fixtures.h"
#include "tests/training/toy_tokenizer.h"

namespace limpid {
namespace {

using testing_support::message_of;
using testing_support::TempDir;

std::string file_entry(const fs::path& path, const std::string& query = "") { return path.string() + query; }

TEST(TextData, ReadsTextsDialoguesAndPlainLines) {
  TempDir dir;
  const auto texts = dir.write("a.jsonl", "{\"text\": \"one\"}\n\n{\"prompt\": \"q\", \"completion\": \"two\"}\n");
  const auto lines = dir.write("b.txt", "three\r\n\n  \nfour");
  const TextData data = read_text_data({{texts.string(), lines.string()}, {}, {}});
  ASSERT_EQ(data.rows.size(), 4u);
  EXPECT_EQ(data.rows[0].text, "one");
  EXPECT_FALSE(data.rows[0].has_prompt);
  EXPECT_EQ(data.rows[1].prompt, "q");
  EXPECT_EQ(data.rows[1].text, "two");
  EXPECT_EQ(data.rows[2].text, "three");
  EXPECT_EQ(data.rows[3].source, lines.string() + ":4");
}

TEST(TextData, RenamesColumnsAndPassesOverNullAndEmptyCompletions) {
  TempDir dir;
  const auto file = dir.write("d.jsonl",
                              "{\"prompt\": \"p\", \"safe\": \"good\", \"unsafe\": null}\n"
                              "{\"prompt\": \"p\", \"safe\": null, \"unsafe\": \"x\"}\n"
                              "{\"prompt\": \"p\", \"safe\": \"  \", \"unsafe\": null}\n");
  const TextData data = read_text_data({{file.string()}, {}, {"completion=safe"}});
  ASSERT_EQ(data.rows.size(), 1u);
  EXPECT_EQ(data.rows[0].text, "good");
  EXPECT_EQ(describe(data.counts), "1 rows (others: 1 null, 1 empty)");
}

TEST(TextData, ComparesConditionsAsTextAndNumbersByValue) {
  TempDir dir;
  const auto file = dir.write("l.jsonl",
                              "{\"text\": \"a\", \"label\": 0, \"source\": \"x\"}\n"
                              "{\"text\": \"b\", \"label\": 0.0, \"source\": \"y\"}\n"
                              "{\"text\": \"c\", \"label\": 1, \"source\": \"x\"}\n"
                              "{\"text\": \"d\", \"label\": null, \"source\": \"x\"}\n"
                              "{\"text\": \"e\", \"label\": \"0\", \"source\": \"z\"}\n"
                              "{\"text\": \"f\", \"label\": false, \"source\": \"x\"}\n");
  const auto texts = [&](std::vector<std::string> where) {
    std::string all;
    for_each_text_row({{file.string()}, std::move(where), {}},
                      [&](const TextRow& row, const Json&) { all += row.text; });
    return all;
  };
  EXPECT_EQ(texts({"label=0"}), "abe");
  EXPECT_EQ(texts({"label=0", "source=x|z"}), "ae");
  EXPECT_EQ(texts({"label=false"}), "f");
  EXPECT_EQ(texts({"label=null"}), "");
}

TEST(TextData, TakesColumnsAndConditionsForOneFileFromItsQuery) {
  TempDir dir;
  const auto pairs = dir.write("pairs.jsonl", "{\"toxic\": \"t\", \"neutral\": \"n\"}\n");
  const auto dialogues = dir.write("dialogues.jsonl",
                                   "{\"prompt\": \"p\", \"safe\": \"s1\", \"source\": \"a\"}\n"
                                   "{\"prompt\": \"p\", \"safe\": \"s2\", \"source\": \"b\"}\n");
  const TextData data = read_text_data(
      {{file_entry(pairs, "?text=neutral"), file_entry(dialogues, "?completion=safe&source=b|c")}, {}, {}});
  ASSERT_EQ(data.rows.size(), 2u);
  EXPECT_EQ(data.rows[0].text, "n");
  EXPECT_EQ(data.rows[1].text, "s2");
  EXPECT_EQ(FileQuery::parse(file_entry(pairs, "?text=neutral")).path, pairs);
}

TEST(TextData, GivesOneClearLineForEachKindOfMalformedRow) {
  struct Case {
    const char *name, *content, *expected;
  };
  const std::vector<Case> cases = {
      {"a.jsonl", "{\"text\": \"ok\"}\n{\"text\": \n", "a.jsonl:2: not valid JSON"},
      {"b.jsonl", "[1, 2]\n", "b.jsonl:1: found an array, expected a JSON object"},
      {"c.jsonl", "{\"text\": 3}\n", "c.jsonl:1: \"text\" is a number, expected a string"},
      {"d.jsonl", "{\"body\": \"x\"}\n", "d.jsonl:1: has neither \"text\" nor \"completion\""},
      {"e.jsonl", "{\"completion\": \"x\"}\n", "e.jsonl:1: \"prompt\" is missing"},
      {"f.jsonl", "{\"prompt\": [\"x\"], \"completion\": \"x\"}\n",
       "f.jsonl:1: \"prompt\" is an array, expected a string"},
      {"g.jsonl", "{\"text\": \"x\", \"n\": 1e999}\n", "g.jsonl:1: not valid JSON: a number is out of range"},
      {"h.jsonl", "{\"text\": \"\xff\"}\n", "h.jsonl:1: not valid JSON"},
      {"i.txt", "fine\nbroken \xc3(\n", "i.txt:2: not valid UTF-8 at byte 7 of the line"},
      {"j.jsonl", "{\"text\": \"x\"} {\"text\": \"y\"}\n", "j.jsonl:1: not valid JSON"},
      {"k.jsonl", "{\"prompt\": \"p\", \"completion\": {}}\n",
       "k.jsonl:1: \"completion\" is an object, expected a string"},
  };
  TempDir dir;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto file = dir.write(c.name, c.content);
    const std::string message = message_of<FormatError>([&] { read_text_data({{file.string()}, {}, {}}); });
    EXPECT_NE(message.find(c.expected), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  const auto deep = dir.write("deep.jsonl", "{\"text\": " + std::string(5000, '[') + std::string(5000, ']') + "}\n");
  EXPECT_NE(message_of<FormatError>([&] { read_text_data({{deep.string()}, {}, {}}); }).find("nested more than"),
            std::string::npos);
}

TEST(TextData, RefusesConditionsAndFieldsThatCannotBeMeant) {
  TempDir dir;
  const auto file = dir.write("a.jsonl", "{\"text\": \"x\", \"label\": 1}\n");
  const auto lines = dir.write("a.txt", "x\n");
  const auto error = [](const fs::path& path, std::vector<std::string> where, std::vector<std::string> fields) {
    return message_of<ConfigError>([&] { read_text_data({{path.string()}, where, fields}); });
  };
  EXPECT_NE(error(file, {"label"}, {}).find("expected KEY=VALUE"), std::string::npos);
  EXPECT_NE(error(file, {"lable=1"}, {}).find("no row has the key \"lable\""), std::string::npos);
  EXPECT_NE(error(file, {}, {"answer=text"}).find("is not prompt, completion or text"), std::string::npos);
  EXPECT_NE(error(lines, {"label=1"}, {}).find("plain text lines have no \"label\""), std::string::npos);
  EXPECT_NE(error(file, {"label=0"}, {}).find("no row of the data can be used: 0 rows (others: 1 do not match)"),
            std::string::npos);
  EXPECT_NE(message_of<IoError>([&] {
              read_text_data({{(dir.path() / "absent.jsonl").string()}, {}, {}});
            }).find("absent.jsonl"),
            std::string::npos);
}

}  // namespace
}  // namespace limpid
