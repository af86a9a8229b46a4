#include <gtest/gtest.h>

#include <sstream>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/json.h"
#include "limpid/tokenizers/tokenizer.h"
#include "limpid/tokenizers/write_tokenizer_json.h"
#include "tests/tokenizers/open_or_skip.h"

// Every folder of golden/tokenizers: ids, decoded text and streams are equal to the reference, exactly. A folder whose
// kind open_tokenizer refuses is named as skipped; one that opens must pass.
namespace limpid {
namespace {

using testing_support::for_each_golden_folder;
using testing_support::golden_dir;
using testing_support::open_or_skip;
using testing_support::pulled_model_dir;
using testing_support::shared_dir;
using testing_support::Skipped;
using testing_support::Walk;

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

// The tokenizer of a folder, or of the GGUF vocabulary that it names. @throws Skipped where the vocabulary is not on
// this machine or the kind is refused.
std::shared_ptr<const Tokenizer> open_case_folder(const fs::path& folder) {
  const Json about = fs::exists(folder / "about.json") ? read_json(folder / "about.json") : Json::object();
  fs::path path = folder;
  if (about.contains("vocabulary")) path = vocabulary_file(about["vocabulary"].get<std::string>());
  if (path.empty()) throw Skipped(about["vocabulary"].get<std::string>() + " is not on this machine");
  return open_or_skip(path);
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
  for_each_golden_folder({"tokenizers"}, "cases.jsonl", [](const fs::path& folder) {
    const auto tokenizer = open_case_folder(folder);
    check_cases(*tokenizer, folder / "cases.jsonl");
    if (fs::exists(folder / "stream.jsonl")) check_streams(tokenizer, folder / "stream.jsonl");
  });
}

// vocab.json and merges.txt do not say how a text is cut; without tokenizer.json it is cut as GPT-2 does.
void skip_unless_cut_as_gpt2(const fs::path& folder) {
  if (!fs::exists(folder / "tokenizer.json")) return;
  const Json tokenizer = read_json(folder / "tokenizer.json");
  const Json cut = tokenizer.value("pre_tokenizer", Json()), normalizer = tokenizer.value("normalizer", Json());
  if (!cut.is_object() || cut.value("type", "") != "ByteLevel" || !cut.value("use_regex", true) ||
      !normalizer.is_null())
    throw Skipped("its tokenizer.json cuts texts in a way that vocab.json and merges.txt do not say");
}

// A folder with tokenizer.json that also holds the older files must say the same by them. <|endoftext|> and the like
// are known to both; names that only tokenizer.json declares would not be.
void check_older_file(const fs::path& file) {
  const fs::path cases = file.parent_path() / "cases.jsonl";
  if (!fs::exists(cases)) throw Skipped("it has no cases.jsonl");
  check_cases(*open_tokenizer(file), cases);
}

TEST(TokenizersGolden, AVocabTxtBesideATokenizerJsonSaysTheSame) {
  for_each_golden_folder({"tokenizers"}, "vocab.txt",
                         [](const fs::path& folder) { check_older_file(folder / "vocab.txt"); });
}

TEST(TokenizersGolden, AVocabJsonBesideATokenizerJsonSaysTheSame) {
  for_each_golden_folder({"tokenizers"}, "vocab.json", [](const fs::path& folder) {
    skip_unless_cut_as_gpt2(folder);
    check_older_file(folder / "vocab.json");
  });
}

// What a calibrator's folder gets when its base is a GGUF file. Texts with special tokens are left out: behind one, the
// tokenizers library puts the space that SentencePiece puts at the start of a text only.
void check_written_vocabulary(const fs::path& file, const fs::path& cases) {
  const testing_support::TempDir dir;
  if (!write_tokenizer_json(*GgufFile::open(file), dir.path())) throw Skipped("a kind that is not written");
  const auto before = open_tokenizer(file), after = open_tokenizer(dir.path());
  EXPECT_EQ(before->adds_bos(), after->adds_bos());
  size_t compared = 0, different = 0;
  for_each_jsonl(cases, [&](const Json& row, size_t) {
    const auto text = row["text"].get<std::string>();
    if (text.find('<') != std::string::npos) return;
    ++compared;
    const TokenIds expected = before->encode(text, true), found = after->encode(text, true);
    if (found != expected && ++different <= 3)
      ADD_FAILURE() << Json(text) << "\n  found    " << as_text(found) << "\n  expected " << as_text(expected);
    EXPECT_EQ(after->decode(expected, true), before->decode(expected, true)) << Json(text);
  });
  EXPECT_EQ(different, 0u) << "of " << compared;
  EXPECT_GT(compared, 0u);
}

TEST(TokenizersGolden, VocabulariesWrittenAsTokenizerJsonGiveTheSameIds) {
  Walk walk;
  for (const fs::path& folder : testing_support::sorted_folders(golden_dir() / "tokenizers")) {
    if (!fs::exists(folder / "about.json") || !read_json(folder / "about.json").contains("vocabulary")) continue;
    walk.visit(folder.filename().string(), [&] {
      const auto name = read_json(folder / "about.json")["vocabulary"].get<std::string>();
      const fs::path file = vocabulary_file(name);
      if (file.extension() != ".gguf") throw Skipped(name + " is not on this machine, or no GGUF file");
      check_written_vocabulary(file, folder / "cases.jsonl");
    });
  }
  walk.finish("GGUF vocabularies of golden folder tokenizers");
}

// Vectors of llama.cpp: strings between separator lines, one line of ids each.
void check_vectors(const Tokenizer& tokenizer, std::string strings, const std::string& ids) {
  std::istringstream lines(ids);
  const std::string separator = "\n__ggml_vocab_test__\n";
  size_t cases = 0;
  for (size_t at = strings.find(separator); !strings.empty(); at = strings.find(separator), ++cases) {
    const std::string text = strings.substr(0, at);
    strings.erase(0, at == std::string::npos ? strings.size() : at + separator.size());
    std::string line;
    ASSERT_TRUE(std::getline(lines, line)) << "more strings than lines of ids";
    std::istringstream words(line);
    TokenIds expected;
    for (TokenId id; words >> id;) expected.push_back(id);
    EXPECT_EQ(tokenizer.encode(text, false), expected) << Json(text);
  }
  EXPECT_GT(cases, 10u);
}

TEST(TokenizersGolden, VocabulariesReproduceTheVectorsBesideThem) {
  Walk walk;
  for (const fs::path& file : testing_support::sorted_entries(shared_dir() / "vocab")) {
    if (file.extension() != ".gguf") continue;
    walk.visit(file.filename().string(), [&] {
      if (!fs::exists(file.string() + ".inp")) throw Skipped("no vectors beside it");
      check_vectors(*open_or_skip(file), read_file(file.string() + ".inp"), read_file(file.string() + ".out"));
    });
  }
  walk.finish((shared_dir() / "vocab").string());
}

}  // namespace
}  // namespace limpid
