#include "limpid/data/rows.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "limpid/data/generations.h"
#include "limpid/data/pairs.h"
#include "limpid/data/text_data.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

/// Returns the texts of a file's rows, a bar between them; of rows with columns the column "text".
std::string texts_in(const fs::path& file) {
  std::string texts;
  for_each_row(file, {"text"}, [&](const DataRow& row) {
    texts += (texts.empty() ? "" : "|") + (row.is_plain() ? row.text : row.fields.at("text").get<std::string>());
  });
  return texts;
}

std::string sources_in(const fs::path& file) {
  std::string sources;
  for_each_row(file, {"text"}, [&](const DataRow& row) { sources += row.source.substr(file.string().size()) + " "; });
  return sources;
}

std::string refusal_of(const fs::path& file) {
  try {
    for_each_row(file, {"text"}, [](const DataRow&) {});
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Rows, AreTheSameInEveryFormWhateverTheNameSays) {
  const std::vector<std::string> forms = {
      "{\"text\": \"a\"}\n{\"text\": \"b\"}\n",
      "\xEF\xBB\xBF{\"text\": \"a\"}\r\n\r\n{\"text\": \"b\"}",
      "[{\"text\": \"a\"}, {\"text\": \"b\"}]",
      "\xEF\xBB\xBF \n[\n  {\n    \"text\": \"a\"\n  },\n  {\n    \"text\": \"b\"\n  }\n]\n",
      "[\"a\", \"b\"]",
      "{\n  \"text\": \"a\"\n}\n{\n  \"text\": \"b\"\n}\n",
      "{\"text\": [\"a\", \"b\"], \"label\": [0, 1]}",
      "{\"text\": {\"0\": \"a\", \"1\": \"b\"}}",
      "text\na\nb\n",
      "text,label\na,0\nb,1\n",
      "\xEF\xBB\xBFlabel,text\r\n0,\"a\"\r\n1,\"b\"\r\n",
      "label\ttext\n0\ta\n1\tb\n",
      "label;text\n0;a\n1;b\n",
      "a\nb\n",
  };
  TempDir dir;
  for (const std::string& content : forms)
    for (const char* name : {"x.txt", "x.data", "x"}) EXPECT_EQ(texts_in(dir.write(name, content)), "a|b") << content;
  for (size_t i = 0; i < 8; ++i)
    for (const char* name : {"x.json", "x.jsonl", "x.ndjson", "x.csv"})
      EXPECT_EQ(texts_in(dir.write(name, forms[i])), "a|b") << forms[i];
}

TEST(Rows, OfATableHoldSeparatorsQuotesAndLineBreaksInQuotedFields) {
  TempDir dir;
  const auto file = dir.write("t.csv", "text,label,note\n\"a, \"\"b\"\"\nc\",1,\n42,0.5,\"7\"\n");
  std::vector<Json> rows;
  for_each_row(file, {"text"}, [&](const DataRow& row) { rows.push_back(row.fields); });
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0], Json::parse(R"({"text": "a, \"b\"\nc", "label": 1, "note": null})"));
  EXPECT_EQ(rows[1], Json::parse(R"({"text": "42", "label": 0.5, "note": "7"})"));
  EXPECT_EQ(sources_in(file), ":2 :4 ");
}

TEST(Rows, OfPlainLinesMayLookALittleLikeOtherForms) {
  TempDir dir;
  for (const char* line : {"[Music plays] and on", "[ ] buy milk", "[[link]] to a page", "[1] a reference", "{braces}",
                           "Well, text, that is", "text, lies and videotape", "a;b;c"})
    EXPECT_EQ(texts_in(dir.write("x.txt", std::string(line) + "\nnext\n")), std::string(line) + "|next");
}

TEST(Rows, KnowTheLineThatTheyBeginIn) {
  TempDir dir;
  EXPECT_EQ(sources_in(dir.write("x.data", "[\n {\n  \"text\": \"a\"\n },\n\n {\"text\": \"b\"}]")), ":2 :6 ");
  EXPECT_EQ(sources_in(dir.write("x.data", "{\"text\": \"a\"}\n\n{\"text\": \"b\"}")), ":1 :3 ");
  EXPECT_EQ(sources_in(dir.write("x.data", "{\"text\": [\"a\", \"b\"]}")), ": row 1 : row 2 ");
  EXPECT_EQ(sources_in(dir.write("x.data", "\n a\n\nb")), ":2 :4 ");
}

TEST(Rows, ReadNanAsNull) {
  TempDir dir;
  std::vector<Json> rows;
  const auto file = dir.write("n.jsonl", "{\"text\": \"NaN\", \"x\": [NaN, 1], \"y\": NaN}\n");
  for_each_row(file, {"text"}, [&](const DataRow& row) { rows.push_back(row.fields); });
  EXPECT_EQ(rows.at(0), Json::parse(R"({"text": "NaN", "x": [null, 1], "y": null})"));
}

TEST(Rows, ThatAreListsThemselvesAreNotTakenForColumns) {
  TempDir dir;
  std::vector<Json> rows;
  const auto read = [&](const std::string& content) {
    rows.clear();
    for_each_object(dir.write("x.jsonl", content), {}, "",
                    [&](const Json& row, const std::string&) { rows.push_back(row); });
  };
  read(R"({"ids": [1, 2, 3]})");
  EXPECT_EQ(rows, std::vector<Json>{Json::parse(R"({"ids": [1, 2, 3]})")});
  read(R"({"ids": [[1, 2], [3]]})");
  EXPECT_EQ(rows.size(), 2u);
  read(R"({"positives": ["a", "b"], "negatives": ["c", "d"]})");
  EXPECT_EQ(rows.size(), 1u);
  for (const char* row :
       {R"({"messages": []})", R"({"messages": [{"role": "user", "content": "a"}]})",
        R"({"messages": [{"content": "a"}, {"content": "b"}], "tools": [{"name": "f"}, {"name": "g"}]})",
        R"({"ids": []})"}) {
    read(row);
    EXPECT_EQ(rows, std::vector<Json>{Json::parse(row)});
  }
  read(R"({"messages": [[{"content": "a"}], [{"content": "b"}]]})");
  EXPECT_EQ(rows.size(), 2u);
  read(R"({"prompt": [{"text": "a"}, {"text": "b"}]})");
  EXPECT_EQ(rows.size(), 2u);
  read(R"({"text": []})");
  EXPECT_EQ(rows.size(), 0u);
}

TEST(Rows, AreRefusedInOneLineWhereTheyBreakTheirForm) {
  struct Case {
    const char *name, *content, *expected;
  };
  const std::vector<Case> cases = {
      {"a.data", "[{\"text\": \"a\"}, {\"text\": \"b\"", "a.data:1: not valid JSON: the value that begins here"},
      {"b.data", "[\n{\"text\": \"a\"},\n{\"text\": \"b\"}\n", "b.data:4: the JSON list does not end"},
      {"c.data", "[{\"text\": \"a\"} {\"text\": \"b\"}]", "c.data:1: found '{' behind a value of a JSON list"},
      {"d.data", "[{\"text\": \"a\"}]\n[{\"text\": \"b\"}]", "d.data:2: more stands behind the end of the JSON list"},
      {"e.data", "[{\"text\": \"a\"},\n 3]", "e.data:2: found a number, expected a JSON object"},
      {"f.data", "{\"text\": \"a\"}\n{\"text\": \n", "f.data:2: not valid JSON"},
      {"g.json", "once upon a time\n", "g.json:1: not valid JSON"},
      {"h.csv", "text,label\na,0\nb\n", "h.csv:3: has 1 fields, the header names 2"},
      {"i.csv", "text,label\n\"a,0\n", "i.csv:2: a quoted field does not end"},
      {"j.csv", "text,text\na,b\n", "j.csv:1: two columns have one name"},
      {"k.csv", "text,label\n\"a\"b,0\n", "k.csv:2: \"b\" stands behind the closing quote"},
      {"l.data", "fine\nbroken \xc3(\n", "l.data:2: not valid UTF-8 at byte 7"},
      {"m.data", "\xFF\xFE\x61", "m.data: is UTF-16"},
  };
  TempDir dir;
  for (const Case& c : cases) {
    const std::string message = refusal_of(dir.write(c.name, c.content));
    EXPECT_NE(message.find(c.expected), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_NE(refusal_of(dir.write("z.txt", std::string("a\0b\n", 4))).find("z.txt:1: a zero byte"), std::string::npos);
}

TEST(Rows, ComeFromAPipeOnceAndAreTheSameForTheNextReader) {
  TempDir dir;
  const fs::path pipe = dir.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << "[\"a\",\n\"b\"]"; });
  EXPECT_EQ(texts_in(pipe), "a|b");
  writer.join();
  EXPECT_EQ(texts_in(pipe), "a|b");
  EXPECT_EQ(sha256_file(pipe), sha256("[\"a\",\n\"b\"]"));
}

TEST(Rows, OfEveryFormArePromptsTextsAndPairs) {
  TempDir dir;
  const auto prompts = read_prompts(dir.write("p.data", "prompt,toxicity\n\"one, two\",0.25\nthree,\n"));
  ASSERT_EQ(prompts.size(), 2u);
  EXPECT_EQ(prompts[0].text, "one, two");
  EXPECT_EQ(prompts[0].toxicity, 0.25);
  EXPECT_EQ(prompts[1].toxicity, std::nullopt);
  EXPECT_EQ(prompts[1].source, (dir.path() / "p.data").string() + ":3");
  EXPECT_EQ(read_prompts(dir.write("q.data", "[{\"prompt\": {\"text\": \"one\"}}, \"two\"]")).at(1).text, "two");

  const auto labelled = dir.write("l.tsv", "comment\tlabel\na\t1\nb\t0\n");
  const TextData data = read_text_data({{labelled.string() + "?text=comment&label=0"}, {}, {}});
  ASSERT_EQ(data.rows.size(), 1u);
  EXPECT_EQ(data.rows[0].text, "b");

  const auto pairs = read_pairs({{dir.write("s.csv", "toxic,neutral\nbad,1\n").string()}, {}, {}});
  EXPECT_EQ(pairs.at(0).neutral, "1");
}

}  // namespace
}  // namespace limpid
