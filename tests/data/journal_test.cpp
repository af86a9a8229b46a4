#include "limpid/data/journal.h"

#include <gtest/gtest.h>

#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

GenerationRow row_of(uint64_t index, const std::string& text) {
  GenerationRow row;
  row.index = index;
  row.prompt = "prompt " + std::to_string(index);
  row.generations.push_back({text, std::nullopt, 0.5, "length", Json::object()});
  return row;
}

const Json kSettings = {{"seed", 1}, {"sampling", {{"top_p", 0.9}}}, {"prompts", "abc"}};

template <class ErrorType, class Function>
std::string message_of(const Function& function) {
  try {
    function();
  } catch (const ErrorType& error) {
    return error.what();
  }
  return "(no error of that type)";
}

TEST(GenerationJournal, GivesFinishedPromptsBack) {
  TempDir dir;
  const fs::path path = dir.path() / "run" / "generations.jsonl";
  {
    GenerationJournal journal(path, kSettings);
    EXPECT_EQ(journal.size(), 0u);
    journal.append(row_of(4, " four"));
    journal.append(row_of(2, " two"));
    EXPECT_EQ(read_generations(path).size(), 2u);  // on disk before the journal is closed
  }
  GenerationJournal again(path, kSettings);
  EXPECT_TRUE(again.has(4) && again.has(2));
  EXPECT_FALSE(again.has(0));
  EXPECT_EQ(again.rows()[0].generations[0].text, " four");
  EXPECT_EQ(again.dropped_bytes(), 0u);
}

TEST(DescribeDifference, IsOneLineWhateverTheNamesInTheFile) {
  EXPECT_EQ(describe_difference({{"two\nlines", 1}, {"seed", 2}}, {{"seed", 2}}), "two\\x0alines: 1 there, absent now");
}

TEST(GenerationJournal, DropsALineThatACrashCutOffAtAnyPlace) {
  TempDir dir;
  const std::string first = to_line(row_of(0, " zero")) + "\n", second = to_line(row_of(1, " one")) + "\n";
  for (size_t kept = 0; kept < second.size(); kept += 7) {
    SCOPED_TRACE(testing::Message() << kept << " bytes of the second line");
    const std::string name = "g" + std::to_string(kept) + ".jsonl";
    {
      GenerationJournal begin(dir.path() / name, kSettings);
    }
    const fs::path path = dir.write(name, first + second.substr(0, kept));
    GenerationJournal journal(path, kSettings);
    EXPECT_EQ(journal.size(), 1u);
    EXPECT_EQ(journal.dropped_bytes(), kept);
    journal.append(row_of(1, " one"));
    EXPECT_EQ(read_file(path), first + second);
  }
}

TEST(GenerationJournal, RefusesOtherSettingsAndSaysWhatDiffers) {
  TempDir dir;
  const fs::path path = dir.path() / "g.jsonl";
  {
    GenerationJournal begin(path, kSettings);
    begin.append(row_of(0, " zero"));
  }
  Json other = kSettings;
  other["seed"] = 2;
  other["sampling"].erase("top_p");
  other["detox"] = "fusion";
  const std::string message = message_of<MismatchError>([&] { GenerationJournal journal(path, other); });
  EXPECT_NE(message.find("seed: 1 there, 2 now"), std::string::npos) << message;
  EXPECT_NE(message.find("sampling.top_p: 0.9 there, absent now"), std::string::npos) << message;
  EXPECT_NE(message.find("detox: absent there, \"fusion\" now"), std::string::npos) << message;
}

TEST(GenerationJournal, OfARunThatFinishedNothingIsAnothersToBegin) {
  TempDir dir;
  const fs::path path = dir.path() / "g.jsonl";
  {
    GenerationJournal begin(path, kSettings);
  }
  Json other = kSettings;
  other["seed"] = 2;
  {
    GenerationJournal journal(path, other);
    journal.append(row_of(0, " zero"));
  }
  EXPECT_EQ(GenerationJournal(path, other).size(), 1u);
  EXPECT_THROW(GenerationJournal(path, kSettings), MismatchError);
}

TEST(GenerationJournal, RefusesAFileOfUnknownOrigin) {
  TempDir dir;
  const fs::path path = dir.write("g.jsonl", to_line(row_of(0, "x")) + "\n");
  EXPECT_THROW(GenerationJournal(path, kSettings), MismatchError);
  EXPECT_EQ(read_generations(path).size(), 1u);  // left as it was
}

TEST(GenerationJournal, RefusesDamageThatIsNotACutOffLastLine) {
  TempDir dir;
  const std::string good = to_line(row_of(0, "x")) + "\n";
  const auto error = [&](const std::string& bytes) {
    const fs::path path = dir.path() / "g.jsonl";
    fs::remove(path);
    {
      GenerationJournal begin(path, kSettings);
    }
    dir.write("g.jsonl", bytes);
    const std::string message = message_of<FormatError>([&] { GenerationJournal journal(path, kSettings); });
    EXPECT_EQ(read_file(path), bytes);  // nothing is cut from a file that was not understood
    return message;
  };
  EXPECT_NE(error("{\"prompt\n" + good).find("g.jsonl:1"), std::string::npos);
  EXPECT_NE(error(good + good + "cut").find("g.jsonl:2: prompt 0 is there twice"), std::string::npos);
  EXPECT_NE(error("{\"prompt\": \"A\", \"generations\": []}\n").find("\"index\" is missing"), std::string::npos);
}

TEST(GenerationJournal, RefusesDamagedSettings) {
  TempDir dir;
  dir.write("g.jsonl", to_line(row_of(0, "x")) + "\n");
  for (const char* bytes : {"", "[]", "{\"format\": 2, \"settings\": {}}", "{\"format\": 1}", "{\"format\": \"1\"}"}) {
    dir.write("g.jsonl.settings.json", bytes);
    EXPECT_THROW(GenerationJournal(dir.path() / "g.jsonl", kSettings), FormatError) << bytes;
  }
}

TEST(GenerationJournal, IsWrittenByOneRunAtATime) {
  TempDir dir;
  GenerationJournal journal(dir.path() / "g.jsonl", kSettings);
  const std::string message = message_of<IoError>([&] { GenerationJournal second(dir.path() / "g.jsonl", kSettings); });
  EXPECT_NE(message.find("another run is writing"), std::string::npos) << message;
}

TEST(GenerationJournal, TakesEachPromptOnce) {
  TempDir dir;
  GenerationJournal journal(dir.path() / "g.jsonl", kSettings);
  journal.append(row_of(3, "x"));
  EXPECT_THROW(journal.append(row_of(3, "y")), ConfigError);
  GenerationRow nowhere;
  EXPECT_THROW(journal.append(nowhere), ConfigError);
}

TEST(GenerationJournal, EndsInTheOrderOfThePromptsAndGoesOnAfterIt) {
  TempDir dir;
  const fs::path path = dir.path() / "g.jsonl";
  GenerationJournal journal(path, kSettings);
  for (uint64_t index : {2, 0, 1}) journal.append(row_of(index, "x"));
  journal.sort_by_index();
  journal.append(row_of(3, "x"));
  const auto rows = read_generations(path);
  ASSERT_EQ(rows.size(), 4u);
  for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(rows[i].index, i);
}

}  // namespace
}  // namespace limpid
