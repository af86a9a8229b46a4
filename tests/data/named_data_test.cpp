#include "limpid/data/named_data.h"

#include <gtest/gtest.h>

#include "limpid/core/json.h"
#include "limpid/data/generations.h"
#include "limpid/data/labelled_text.h"
#include "limpid/data/pairs.h"
#include "tests/support/fixtures.h"
#include "tests/training/toy_tokenizer.h"

namespace limpid {
namespace {

using testing_support::message_of;
using testing_support::ScopedVariable;
using testing_support::TempDir;

/// A cache of the test's own, and the folder that it works in.
struct NamedDataTest : testing::Test {
  TempDir dir;
  ScopedVariable cache{"XDG_CACHE_HOME", dir.path().c_str()};
  fs::path before = fs::current_path();
  fs::path folder = dir.path() / "limpid" / "data";

  NamedDataTest() { fs::current_path(dir.path()); }
  ~NamedDataTest() override { fs::current_path(before); }
};

TEST_F(NamedDataTest, EverySetHoldsWhatTheListSays) {
  const std::string notice = read_file(fs::path(LIMPID_SOURCE_DIR) / "share/limpid/data/NOTICE.md");
  ASSERT_EQ(named_data().size(), 7u);
  for (const NamedData& data : named_data()) {
    SCOPED_TRACE(data.name);
    const std::string content = read_named_data(data);
    EXPECT_EQ(content.size(), data.bytes);
    EXPECT_EQ(sha256(content), data.sha256);
    EXPECT_NE(notice.find("`" + data.name + "`"), std::string::npos);
    EXPECT_NE(notice.find(data.licence.substr(0, 3)), std::string::npos);
    size_t rows = 0;
    for_each_line(content, [&](std::string_view line, size_t number) {
      ++rows;
      if (data.fields.empty()) return;
      Json row = parse_json_line(line, concat(data.name, ":", number));
      for (const std::string& field : data.fields) {
        const bool optional = field.ends_with('?');
        EXPECT_TRUE(row.erase(optional ? field.substr(0, field.size() - 1) : field) == 1 || optional) << number;
      }
      EXPECT_TRUE(row.empty()) << number;
    });
    EXPECT_EQ(rows, data.rows);
  }
}

TEST_F(NamedDataTest, ANameIsAFileInTheCacheThatIsWrittenOnce) {
  const NamedData data = find_named_data("web-toxic");
  const fs::path path = resolve_data("web-toxic");
  EXPECT_EQ(path, folder / ("web-toxic-" + data.sha256.substr(0, 8) + ".jsonl"));
  EXPECT_EQ(sha256_file(path), data.sha256);
  const auto long_ago = fs::last_write_time(path) - std::chrono::hours(1);
  fs::last_write_time(path, long_ago);
  EXPECT_EQ(resolve_data("web-toxic"), path);
  EXPECT_EQ(fs::last_write_time(path), long_ago);
  fs::resize_file(path, 100);  // a disk that was full
  EXPECT_EQ(sha256_file(resolve_data("web-toxic")), data.sha256);
  EXPECT_EQ(resolve_data("demo").filename(), "demo-prompts.txt");
}

TEST_F(NamedDataTest, FilesComeBeforeNamesAndOtherPathsStayAsTheyAre) {
  dir.write("comments", "mine\n");
  fs::create_directories("web-toxic");
  fs::create_directories("mine");
  EXPECT_EQ(resolve_data("comments"), "comments");
  EXPECT_EQ(read_prompts("comments")[0].text, "mine");
  EXPECT_EQ(resolve_data("web-toxic").parent_path(), folder) << "a folder holds no rows";
  for (const char* path : {"", "mine", "absent.jsonl", "no/paradetox", "./paradetox"})
    EXPECT_EQ(resolve_data(path), path);
}

TEST_F(NamedDataTest, AWordThatIsNeitherIsToldTheNames) {
  EXPECT_EQ(message_of<IoError>([] { read_prompts("paradox"); }),
            "paradox: no such file, and no data of that name come with Limpid (paradetox, web-toxic, web-ordinary, "
            "comments, everyday-test, everyday-tune, demo)");
  EXPECT_EQ(message_of<IoError>([] { read_prompts("paradox.jsonl"); }),
            "paradox.jsonl: cannot be opened: No such file or directory");
  EXPECT_NE(message_of<ConfigError>([] { find_named_data("paradox"); }).find("paradetox"), std::string::npos);
}

TEST_F(NamedDataTest, ADamagedFileIsRefusedAndLeavesNothing) {
  const fs::path share = fs::path(LIMPID_SOURCE_DIR) / "share/limpid/data";
  const std::string packed = read_file(share / "web-toxic.jsonl.gz");
  const ScopedVariable other("LIMPID_SHARE", dir.path().c_str());
  dir.write("data/index.json", read_file(share / "index.json"));
  std::string flipped = packed;
  flipped[packed.size() / 2] ^= 1;
  for (const std::string& bytes : {flipped, packed.substr(0, packed.size() - 9), std::string(), std::string("{}\n")}) {
    dir.write("data/web-toxic.jsonl.gz", bytes);
    const std::string message = message_of<FormatError>([] { resolve_data("web-toxic"); });
    EXPECT_NE(message.find("web-toxic.jsonl.gz"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_FALSE(fs::exists(folder));
  }
  dir.write("data/web-toxic.jsonl.gz", packed);
  EXPECT_EQ(read_prompts("web-toxic").size(), 500u);
}

TEST_F(NamedDataTest, ReadersTakeNamesWithTheirQueries) {
  const auto prompts = read_prompts("web-toxic");
  EXPECT_EQ(prompts.size(), 500u);
  EXPECT_EQ(read_prompts("demo").size(), 30u);
  EXPECT_EQ(read_prompts("everyday-tune").size(), 240u);
  EXPECT_EQ(read_pairs({{"paradetox"}, {}, {}}).size(), 1000u);

  const TextData safe = read_text_data({{"comments?label=0"}, {}, {}});
  EXPECT_EQ(safe.rows.size(), 1500u);
  EXPECT_EQ(read_text_data({{"comments?label=1&source=olid", "paradetox?text=neutral"}, {}, {}}).rows.size(), 1350u);

  const LabelledData comments = read_labelled({{"comments", "comments?source=olid&take=10"}, {}, {}});
  EXPECT_EQ(comments.rows.size(), 3010u);
  EXPECT_EQ(comments.files[0]["path"], "comments");
  EXPECT_EQ(comments.files[0]["sha256"], find_named_data("comments").sha256);
  EXPECT_EQ(comments.files[1]["path"], "comments?source=olid&take=10");
}

// The recipe of share/limpid/smollm2-destein.detox.safetensors drew from all of ParaDetox: from the set by name the
// same pairs must come in the same order, or the sums, and so the file, would differ in their last bits.
TEST_F(NamedDataTest, ThePairsAreDrawnAsFromAllOfParaDetox) {
  const fs::path all = testing_support::shared_dir() / "data/pairs/paradetox.jsonl";
  LIMPID_REQUIRE_PATH(all);
  const auto expected = draw_pairs(read_pairs({{all.string()}, {}, {}}), 1000, /*seed=*/1);
  const auto drawn = draw_pairs(read_pairs({{"paradetox"}, {}, {}}), 1000, /*seed=*/1);
  ASSERT_EQ(drawn.size(), expected.size());
  for (size_t i = 0; i < drawn.size(); ++i) {
    ASSERT_EQ(drawn[i].toxic, expected[i].toxic) << i;
    ASSERT_EQ(drawn[i].neutral, expected[i].neutral) << i;
  }
}

}  // namespace
}  // namespace limpid
