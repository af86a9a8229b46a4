#include "limpid/data/unfinished_output.h"

#include <gtest/gtest.h>

#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

const Json kSettings = {{"seed", 1}, {"top_p", 0.9}};

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

std::vector<std::string> rows_of(const UnfinishedOutput& output) {
  std::vector<std::string> rows;
  output.for_each_row([&](std::string_view row) { rows.emplace_back(row); });
  return rows;
}

TEST(UnfinishedOutput, KeepsFinishedRowsAndWritesThemInOrder) {
  const TempDir dir;
  const fs::path path = dir.path() / "out.jsonl";
  {
    UnfinishedOutput output(path, kSettings);
    output.add(2, R"({"c": 3})");
    output.add(0, R"({"a": 1})");
    EXPECT_FALSE(fs::exists(path));
  }
  UnfinishedOutput output(path, kSettings);
  EXPECT_EQ(output.path(), dir.path() / "out.jsonl.part");
  EXPECT_TRUE(output.has(0) && output.has(2));
  EXPECT_FALSE(output.has(1));
  EXPECT_EQ(rows_of(output), (std::vector<std::string>{R"({"a": 1})", R"({"c": 3})"}));
  output.add(1, R"({"b": 2})");
  output.finish();
  EXPECT_EQ(read_file(path), "{\"a\": 1}\n{\"b\": 2}\n{\"c\": 3}\n");
}

TEST(UnfinishedOutput, LeavesNoPartWhenItIsFinishedOrHasNoRow) {
  const TempDir dir;
  {
    UnfinishedOutput nothing(dir.path() / "a", kSettings);
  }
  {
    UnfinishedOutput whole(dir.path() / "b", kSettings);
    whole.add(0, "{}");
    whole.finish();
  }
  EXPECT_FALSE(fs::exists(dir.path() / "a.part"));
  EXPECT_FALSE(fs::exists(dir.path() / "b.part"));
  EXPECT_EQ(read_file(dir.path() / "b"), "{}\n");
}

TEST(UnfinishedOutput, DropsALineThatACrashCutOff) {
  const TempDir dir;
  const fs::path path = dir.path() / "out.jsonl", part = dir.path() / "out.jsonl.part";
  {
    UnfinishedOutput output(path, kSettings);
    output.add(0, "{}");
  }
  const std::string whole = read_file(part);
  for (const std::string& cut : {std::string("1 {\"a"), std::string("1"), std::string(" ")}) {
    write_file(part, whole + cut);
    {
      UnfinishedOutput output(path, kSettings);
      EXPECT_EQ(output.size(), 1u);
    }
    EXPECT_EQ(read_file(part), whole);
  }
}

TEST(UnfinishedOutput, RefusesRowsOfAnotherRunAndSaysWhatDiffers) {
  const TempDir dir;
  const fs::path path = dir.path() / "out.jsonl";
  {
    UnfinishedOutput output(path, kSettings);
    output.add(0, "{}");
  }
  Json other = kSettings;
  other["seed"] = 2;
  const std::string message = message_of([&] { UnfinishedOutput output(path, other); });
  EXPECT_NE(message.find("out.jsonl.part: holds 1 finished row of a run with other settings (seed: 1 there, 2 now)"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("delete the file to start over"), std::string::npos) << message;
  EXPECT_EQ(UnfinishedOutput(path, kSettings).size(), 1u) << "it is left as it was";
}

TEST(UnfinishedOutput, BeginsAnewWhereNoRowWouldBeLost) {
  const TempDir dir;
  for (const char* bytes :
       {"", "{\"form", "{\"format\":1,\"settings\":{\"seed\":7}}\n", "{\"format\":1,\"settings\":{\"se"}) {
    dir.write("out.jsonl.part", bytes);
    UnfinishedOutput output(dir.path() / "out.jsonl", kSettings);
    output.add(0, "{}");
    output.finish();
    EXPECT_EQ(read_file(dir.path() / "out.jsonl"), "{}\n");
  }
}

TEST(UnfinishedOutput, RefusesWhatIsDamagedAndLeavesIt) {
  const TempDir dir;
  const std::string header = to_text(Json{{"format", 1}, {"settings", kSettings}}) + "\n";
  for (const std::string& bytes :
       {header + "x {}\n", header + "1\n", header + "1 {\n", header + "1 []\n", std::string("[]\n1 {}\n"),
        std::string("{}"), std::string("{\"format\":2,\"settings\":{}}\n1 {}\n"),
        std::string("a download that is half there")}) {
    const fs::path part = dir.write("out.jsonl.part", bytes);
    const std::string message = message_of([&] { UnfinishedOutput output(dir.path() / "out.jsonl", kSettings); });
    EXPECT_NE(message.find("out.jsonl.part"), std::string::npos) << bytes << message;
    EXPECT_EQ(read_file(part), bytes);
  }
}

TEST(UnfinishedOutput, IsWrittenByOneRunAtATime) {
  const TempDir dir;
  UnfinishedOutput output(dir.path() / "out.jsonl", kSettings);
  EXPECT_NE(message_of([&] { UnfinishedOutput second(dir.path() / "out.jsonl", kSettings); }).find("another run"),
            std::string::npos);
  EXPECT_TRUE(fs::exists(output.path()));
}

TEST(FileStamp, ChangesWithTheFilesOfAFolder) {
  const TempDir dir;
  const fs::path file = dir.write("model/weights", "abc");
  const Json before = file_stamp(dir.path() / "model");
  EXPECT_EQ(file_stamp(dir.path() / "model" / ".." / "model"), before);
  dir.write("model/weights", "abcd");
  EXPECT_NE(file_stamp(dir.path() / "model"), before);
  EXPECT_EQ(file_stamp(file).at("bytes"), 4);
  EXPECT_THROW(file_stamp(dir.path() / "none"), IoError);
}

}  // namespace
}  // namespace limpid
