#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <sstream>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/json.h"
#include "limpid/tokenizers/tokenizer.h"
#include "limpid/tokenizers/write_tokenizer_json.h"
#include "tests/support/fixtures.h"

// Every folder of golden/tokenizers: ids, decoded text and streams are equal to the reference, exactly. A folder whose
// kind open_tokenizer refuses is named as skipped; one that opens must pass.
namespace limpid {
namespace {

using testing_support::golden_dir;
using testing_support::pulled_model_dir;
using testing_support::shared_dir;

fs::path vocabulary_file(const std::string& name) {
  if (fs::exists(shared_dir() / "vocab" / name)) return shared_dir() / "vocab" / name;
  std::error_code ignored;
  for (const auto& model : fs::directory_iterator(pulled_model_dir("").parent_path(), ignored))
    if (fs::exists(model.path() / name)) return model.path() / name;
  return {};
}

std::string as_text(const TokenIds& ids) {
  std::ostringstream out;
  for (TokenId id : ids) out << id << ' ';
  return out.str();
}

// Null, with the reason printed, where the kind is refused or the vocabulary is not on this machine.
std::shared_ptr<const Tokenizer> open_or_say_why(const fs::path& folder) {
  const Json about = read_json(folder / "about.json");
  fs::path path = folder;
  const std::string name = folder.filename().string();
  if (about.contains("vocabulary")) path = vocabulary_file(about["vocabulary"].get<std::string>());
  if (path.empty()) {
    std::cout << "skipped: " << name << ": " << about["vocabulary"] << " is not on this machine\n";
    return nullptr;
  }
  try {
    return open_tokenizer(path);
  } catch (const ConfigError& error) {
    std::cout << "skipped: " << name << ": " << error.what() << "\n";
    return nullptr;
  }
}

void check_cases(const Tokenizer& tokenizer, const fs::path& file) {
  size_t cases = 0, failures = 0;
  for_each_jsonl(file, [&](const Json& row, size_t line) {
    ++cases;
    const auto text = row["text"].get<std::string>();
    const TokenIds ids = tokenizer.encode(text, row["add_special"].get<bool>()), expected = row["ids"].get<TokenIds>();
    const std::string shown = tokenizer.decode(expected, false), plain = tokenizer.decode(expected, true);
    const bool same = ids == expected && shown == row["decoded"] && plain == row["decoded_plain"];
    if (same || ++failures > 3) return;
    ADD_FAILURE() << file.string() << ":" << line << " " << row["text"] << "\n  ids      " << as_text(ids)
                  << "\n  expected " << as_text(expected) << "\n  decoded  " << Json(shown) << " expected "
                  << row["decoded"] << "\n  plain    " << Json(plain) << " expected " << row["decoded_plain"];
  });
  EXPECT_EQ(failures, 0u) << file.string() << ": " << failures << " of " << cases << " cases differ";
  EXPECT_GT(cases, 0u) << file.string();
}

void check_streams(const std::shared_ptr<const Tokenizer>& tokenizer, const fs::path& file) {
  size_t failures = 0, streams = 0;
  for_each_jsonl(file, [&](const Json& row, size_t line) {
    ++streams;
    StreamingDecoder decoder(tokenizer);
    std::vector<std::string> shown;
    std::string all;
    for (TokenId id : row["ids"].get<TokenIds>()) {
      shown.push_back(decoder.push(id));
      all += shown.back();
    }
    const std::string rest = decoder.finish();
    const bool same =
        shown == row["shown"].get<std::vector<std::string>>() && rest == row["rest"] && all + rest == row["text"];
    if (same || ++failures > 3) return;
    ADD_FAILURE() << file.string() << ":" << line << "\n  shown    " << Json(shown) << " then " << Json(rest)
                  << "\n  expected " << row["shown"] << " then " << row["rest"];
  });
  EXPECT_EQ(failures, 0u) << file.string() << ": " << failures << " of " << streams << " streams differ";
  EXPECT_GT(streams, 0u) << file.string();
}

TEST(TokenizersGolden, EveryFolderThatOpensGivesTheReferenceIdsTextsAndStreams) {
  LIMPID_REQUIRE_PATH(golden_dir() / "tokenizers");
  size_t opened = 0;
  for (const auto& entry : fs::directory_iterator(golden_dir() / "tokenizers")) {
    if (!fs::exists(entry.path() / "cases.jsonl")) continue;
    SCOPED_TRACE(entry.path().filename().string());
    const auto tokenizer = open_or_say_why(entry.path());
    if (!tokenizer) continue;
    ++opened;
    check_cases(*tokenizer, entry.path() / "cases.jsonl");
    if (fs::exists(entry.path() / "stream.jsonl")) check_streams(tokenizer, entry.path() / "stream.jsonl");
    std::cout << "checked: " << entry.path().filename().string() << "\n";
  }
  EXPECT_GT(opened, 0u);
}

// A folder with tokenizer.json that also holds the older files must say the same by them.
TEST(TokenizersGolden, OlderFilesBesideATokenizerJsonSayTheSame) {
  LIMPID_REQUIRE_PATH(golden_dir() / "tokenizers");
  size_t checked = 0;
  for (const auto& entry : fs::directory_iterator(golden_dir() / "tokenizers")) {
    for (const char* name : {"vocab.json", "vocab.txt"}) {
      if (!fs::exists(entry.path() / name)) continue;
      SCOPED_TRACE((entry.path() / name).string());
      // <|endoftext|> and the like are known to both; names that only tokenizer.json declares would not be.
      const auto older = open_tokenizer(entry.path() / name);
      check_cases(*older, entry.path() / "cases.jsonl");
      ++checked;
    }
  }
  if (checked == 0) GTEST_SKIP() << "skipped: no folder holds vocab.json or vocab.txt";
}

// What a calibrator's folder gets when its base is a GGUF file. Texts with special tokens are left out: behind one, the
// tokenizers library puts the space that SentencePiece puts at the start of a text only.
TEST(TokenizersGolden, VocabulariesWrittenAsTokenizerJsonGiveTheSameIds) {
  LIMPID_REQUIRE_PATH(golden_dir() / "tokenizers");
  size_t written = 0;
  for (const auto& entry : fs::directory_iterator(golden_dir() / "tokenizers")) {
    if (!fs::exists(entry.path() / "about.json")) continue;
    const Json about = read_json(entry.path() / "about.json");
    if (!about.contains("vocabulary")) continue;
    const fs::path file = vocabulary_file(about["vocabulary"].get<std::string>());
    if (file.empty() || file.extension() != ".gguf") continue;
    const testing_support::TempDir dir;
    if (!write_tokenizer_json(*GgufFile::open(file), dir.path())) continue;
    SCOPED_TRACE(file.filename().string());
    ++written;
    const auto before = open_tokenizer(file), after = open_tokenizer(dir.path());
    EXPECT_EQ(before->adds_bos(), after->adds_bos());
    size_t compared = 0, different = 0;
    for_each_jsonl(entry.path() / "cases.jsonl", [&](const Json& row, size_t) {
      const auto text = row["text"].get<std::string>();
      if (text.find('<') != std::string::npos) return;
      ++compared;
      const TokenIds expected = before->encode(text, true), found = after->encode(text, true);
      if (found != expected && ++different <= 3)
        ADD_FAILURE() << Json(text) << "\n  found    " << as_text(found) << "\n  expected " << as_text(expected);
      EXPECT_EQ(after->decode(expected, true), before->decode(expected, true)) << Json(text);
    });
    EXPECT_EQ(different, 0u) << "of " << compared;
    EXPECT_GT(compared, 100u);
  }
  if (written == 0) GTEST_SKIP() << "skipped: none of the fixtures' GGUF vocabularies is on this machine";
}

// Vectors of llama.cpp: strings between separator lines, one line of ids each.
TEST(TokenizersGolden, VocabulariesReproduceTheVectorsBesideThem) {
  LIMPID_REQUIRE_PATH(shared_dir() / "vocab");
  size_t checked = 0;
  for (const auto& entry : fs::directory_iterator(shared_dir() / "vocab")) {
    if (entry.path().extension() != ".gguf") continue;
    const std::string name = entry.path().filename().string();
    if (!fs::exists(entry.path().string() + ".inp")) {
      std::cout << "skipped: " << name << " has no vectors beside it\n";
      continue;
    }
    std::shared_ptr<const Tokenizer> tokenizer;
    try {
      tokenizer = open_tokenizer(entry.path());
    } catch (const ConfigError& error) {
      std::cout << "skipped: " << name << ": " << error.what() << "\n";
      continue;
    }
    std::string strings = read_file(entry.path().string() + ".inp");
    std::istringstream lines(read_file(entry.path().string() + ".out"));
    const std::string separator = "\n__ggml_vocab_test__\n";
    size_t cases = 0;
    for (size_t at = strings.find(separator); !strings.empty(); at = strings.find(separator), ++cases) {
      const std::string text = strings.substr(0, at);
      strings.erase(0, at == std::string::npos ? strings.size() : at + separator.size());
      std::string line;
      ASSERT_TRUE(std::getline(lines, line)) << name << ": more strings than lines of ids";
      std::istringstream words(line);
      TokenIds expected;
      for (TokenId id; words >> id;) expected.push_back(id);
      EXPECT_EQ(tokenizer->encode(text, false), expected) << name << " " << Json(text);
    }
    EXPECT_GT(cases, 10u) << name;
    ++checked;
  }
  EXPECT_GT(checked, 0u);
}

}  // namespace
}  // namespace limpid
