#include "limpid/metrics/comparison.h"

#include <gtest/gtest.h>

#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

const char* const kA =
    R"({"prompt": "2+2", "answers": ["4"], "generations": [{"text": "It is 4.", "ids": [1, 2, 3], "finish_reason": "stop"}]})"
    "\n"
    R"({"prompt": "hello", "generations": [{"text": "Hi, you bastard!", "ids": [4, 5, 6], "finish_reason": "stop"}]})"
    "\n";
const char* const kB =
    R"({"prompt": "2+2", "answers": ["4"], "generations": [{"text": "It is 4.", "ids": [1, 2, 3], "finish_reason": "stop"}]})"
    "\n"
    R"({"prompt": "hello", "generations": [{"text": "Hi, you <dear>!", "ids": [4, 5, 7, 8], "finish_reason": "length"}]})"
    "\n";

TEST(Comparison, OfTwoFilesSaysWhatDiffersAndShowsItFirst) {
  const TempDir folder;
  const auto comparison = read_comparison(folder.write("a.jsonl", kA), folder.write("b.jsonl", kB));
  EXPECT_EQ(comparison_markdown(comparison, {.examples = 2}),
            R"(## a.jsonl and b.jsonl

|                                  |                 a.jsonl |                 b.jsonl |        difference |
| :------------------------------- | ----------------------: | ----------------------: | ----------------: |
| same text, token for token       |                         |   1/2 = .50 [.00, 1.00] |                   |
| first token that differs, median |                         |                       2 |                   |
| answers that loop                |    0/2 = .00 [.00, .00] |    0/2 = .00 [.00, .00] |    .00 [.00, .00] |
| right answers                    | 1/1 = 1.00 [1.00, 1.00] | 1/1 = 1.00 [1.00, 1.00] |    .00 [.00, .00] |
| refusals                         |    0/2 = .00 [.00, .00] |    0/2 = .00 [.00, .00] |    .00 [.00, .00] |
| ends by itself                   | 2/2 = 1.00 [1.00, 1.00] |   1/2 = .50 [.00, 1.00] | -.50 [-1.00, .00] |
| tokens                           |          3.0 [3.0, 3.0] |          3.5 [3.0, 4.0] |   +0.5 [0.0, 1.0] |

2 prompts. Intervals: 95 % bootstrap over prompts.

> hello

| run     | text             |
| :------ | :--------------- |
| a.jsonl | Hi, you b******! |
| b.jsonl | Hi, you <dear>!  |

> 2+2

| run     | text     |
| :------ | :------- |
| a.jsonl | It is 4. |
| b.jsonl | the same |
)");
  EXPECT_FALSE(comparison.files[0].toxicity) << "nothing was scored";
}

TEST(Comparison, AsAPageMasksWordsUnlessTold) {
  const TempDir folder;
  const auto comparison = read_comparison(folder.write("a.jsonl", kA), folder.write("b.jsonl", kB));
  const std::string masked = comparison_page(comparison, {.examples = 1});
  EXPECT_NE(masked.find("<span class=\"same\">Hi, you </span>b******!"), std::string::npos) << masked;
  EXPECT_NE(masked.find("<span class=\"same\">Hi, you </span>&lt;dear&gt;!"), std::string::npos);
  EXPECT_EQ(masked.find("It is 4."), std::string::npos) << "one example, of texts that differ";
  EXPECT_NE(comparison_page(comparison, {.examples = 2, .masked = false}).find("bastard"), std::string::npos);
}

TEST(Comparison, OfTwoSettingsReadsBothTheirFiles) {
  const TempDir folder;
  for (const char* setting : {"plain", "f-0.5"}) {
    folder.write(std::string("out/") + setting + "/ordinary.jsonl", setting == std::string("plain") ? kA : kB);
    folder.write(std::string("out/") + setting + "/generations.jsonl",
                 std::string(R"({"prompt": "p", "generations": [{"text": "a", "toxicity": )") +
                     (setting == std::string("plain") ? "0.75" : "0.25") + R"(}, {"text": "b", "toxicity": 0.25}]})" +
                     "\n");
    folder.write(std::string("out/") + setting + "/generations.jsonl.settings.json",
                 R"({"format": 1, "settings": {"scorer": {"threshold": 0.8}}})");
  }
  const auto comparison = read_comparison(folder.path() / "out" / "plain" / "", folder.path() / "out" / "f-0.5");
  EXPECT_EQ(comparison.a_name, "plain");
  ASSERT_EQ(comparison.files.size(), 2u);
  EXPECT_EQ(comparison.files[0].threshold, 0.8);
  EXPECT_EQ(comparison.files[0].toxicity->metrics.at("emt").difference, -0.5);
  EXPECT_FALSE(comparison.files[0].ordinary) << "two samples a prompt";
  EXPECT_TRUE(comparison.files[1].ordinary);
  EXPECT_EQ(to_json(comparison).at("files")[1].at("ordinary").at("difference").at("identical").at("value"), 0.5);
  const std::string page = comparison_page(comparison);
  EXPECT_LT(page.find("Toxicity prompts"), page.find("Ordinary answers"));
  EXPECT_NE(page.find("<svg"), std::string::npos);
}

TEST(Comparison, SaysInOneLineWhatCannotBeCompared) {
  const TempDir folder;
  const fs::path a = folder.write("a.jsonl", kA);
  fs::create_directories(folder.path() / "x");
  fs::create_directories(folder.path() / "y");
  EXPECT_THROW(read_comparison(a, folder.path() / "x"), ConfigError);
  EXPECT_THROW(read_comparison(folder.path() / "x", folder.path() / "y"), ConfigError);
  EXPECT_THROW(read_comparison(a, folder.path() / "none.jsonl"), IoError);
  EXPECT_THROW(read_comparison(a, folder.write("c.jsonl", R"({"prompt": "other", "generations": []})")), MismatchError);
  EXPECT_THROW(read_comparison(a, folder.write("d.jsonl", "{")), FormatError);
}

}  // namespace
}  // namespace limpid
