#include "limpid/tokenizers/byte_stream.h"

#include <gtest/gtest.h>

#include <map>

#include "limpid/core/json.h"
#include "limpid/core/random.h"
#include "limpid/tokenizers/train_bpe.h"
#include "limpid/tokenizers/unicode.h"
#include "tests/tokenizers/open_or_skip.h"
#include "tests/tokenizers/tiny.h"

namespace limpid {
namespace {

using testing_support::golden_dir;
using testing_support::open_or_skip;
using testing_support::pulled_model_dir;
using testing_support::shared_dir;
using Shared = std::shared_ptr<const Tokenizer>;

// The definition: encode all bytes so far again.
class SlowStream {
 public:
  SlowStream(Shared target, Shared calibrator) : target_(std::move(target)), calibrator_(std::move(calibrator)) {}
  TokenIds after(std::span<const TokenId> tokens) const {
    std::string bytes;
    bool started = false;
    for (TokenId id : tokens) {
      std::string_view more = target_->token_bytes(id);
      if (target_->is_special(id) || more.empty()) continue;
      if (!started && target_->has_dummy_prefix() && more.starts_with(' ')) more.remove_prefix(1);
      started = true;
      bytes += more;
    }
    bytes.resize(bytes.size() - incomplete_tail(bytes));
    return calibrator_->encode(bytes, false);
  }

 private:
  Shared target_, calibrator_;
};

void follow(const ByteAlignedStream::Change& change, TokenIds& ids) {
  ASSERT_LE(change.keep, ids.size());
  ids.resize(change.keep);
  ids.insert(ids.end(), change.add.begin(), change.add.end());
}

class Random {
 public:
  explicit Random(uint64_t seed) : stream_(seed) {}
  uint32_t below(uint32_t bound) { return stream_.next_u32() % bound; }
  template <class List>
  auto& pick(const List& list) {
    return list[below(uint32_t(std::size(list)))];
  }

 private:
  RandomStream stream_;
};

// Words, spaces, digits, scripts with and without spaces, combining marks, emoji, special tokens, odd white space.
std::string random_text(Random& random) {
  static const std::string kParts[] = {"the",
                                       " the",
                                       " a",
                                       "don't",
                                       "'re",
                                       "'",
                                       " '",
                                       "ll",
                                       "It",
                                       "12",
                                       "345",
                                       "6",
                                       " 7",
                                       " ",
                                       "  ",
                                       "   ",
                                       "\n",
                                       "\n\n",
                                       "\r\n",
                                       "\t",
                                       ".",
                                       ",",
                                       "...",
                                       " (",
                                       ")",
                                       "!?",
                                       "<",
                                       "|",
                                       "<|endoftext|>",
                                       "<|im_start|>",
                                       "<mask>",
                                       " <mask>",
                                       "<s>",
                                       "</s>",
                                       "<unk>",
                                       "[MASK]",
                                       "<|im_",
                                       "end|>",
                                       "é",
                                       "e\xcc\x81",
                                       "\xcc\x81",
                                       "ß",
                                       "ſ",
                                       "Straße",
                                       " привет",
                                       "мир",
                                       "你好",
                                       "世界",
                                       "。",
                                       "こんにちは",
                                       "が",
                                       "か\xe3\x82\x99",
                                       "안녕",
                                       "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
                                       "مرحبا",
                                       "नमस्ते",
                                       "🙂",
                                       "👨\xe2\x80\x8d👩",
                                       "\xef\xb8\x8f",
                                       "\xe2\x96\x81",
                                       "▁▁",
                                       "\xc2\xa0",
                                       "\xe2\x80\x80",
                                       "\xe2\x80\xa8",
                                       "\xe1\xa0\x8e",
                                       "\xc2\x85",
                                       "²",
                                       "½",
                                       "Ⅷ",
                                       "\xef\xbf\xbd",
                                       std::string(1, '\0'),
                                       "ﬁ",
                                       "İ",
                                       "A",
                                       "HELLO",
                                       "s",
                                       " s"};
  std::string text;
  for (uint32_t n = random.below(40) + 1; n > 0; --n) text += random.pick(kParts);
  return text;
}

// Tokens of a text, some of them taken out or replaced, so that characters break in the middle.
TokenIds random_tokens(Random& random, const Tokenizer& target) {
  TokenIds ids = target.encode(random_text(random), random.below(4) == 0);
  if (random.below(3) == 0)
    for (TokenId& id : ids)
      if (random.below(8) == 0) id = TokenId(random.below(uint32_t(target.vocab_size())));
  return ids;
}

void compare_streams(const Shared& target, const Shared& calibrator, int texts, uint64_t seed) {
  Random random(seed);
  const SlowStream slow(target, calibrator);
  for (int text = 0; text < texts; ++text) {
    const TokenIds tokens = random_tokens(random, *target);
    ByteAlignedStream fast(target, calibrator);
    TokenIds followed;
    for (size_t i = 0; i < tokens.size();) {
      follow(fast.push(tokens[i++]), followed);
      const TokenIds expected = slow.after(std::span(tokens).first(i));
      ASSERT_EQ(fast.ids(), expected) << "seed " << seed << ", text " << text << ", token " << i << " of "
                                      << Json(fast.text()).dump();
      ASSERT_EQ(followed, expected);
      if (random.below(12) == 0) {  // go back, and on again
        const size_t back = random.below(uint32_t(std::min<size_t>(i, 9) + 1));
        follow(fast.rewind(back), followed);
        i -= back;
        const TokenIds before = slow.after(std::span(tokens).first(i));
        ASSERT_EQ(fast.ids(), before) << "seed " << seed << ", text " << text << ", back to token " << i;
        ASSERT_EQ(followed, before);
      }
    }
  }
}

/// Opens each folder of golden/tokenizers once, or says once why it is passed over.
class Folders {
 public:
  /// Null for one that is passed over.
  Shared open(const std::string& name) {
    const auto [found, is_new] = opened_.try_emplace(name);
    if (is_new) walk_.visit(name, [&, &tokenizer = found->second] { tokenizer = open_or_skip(folder_ / name); });
    return found->second;
  }
  /// All folders with a tokenizer that open, in the order of their names.
  const std::map<std::string, Shared>& open_all() {
    for (const fs::path& folder : testing_support::sorted_folders(folder_))
      if (has_tokenizer(folder)) open(folder.filename().string());
    std::erase_if(opened_, [](const auto& entry) { return !entry.second; });
    return opened_;
  }
  /// Skips the test where no folder was opened.
  void finish() const { walk_.finish("golden folder tokenizers"); }

 private:
  const fs::path folder_ = golden_dir() / "tokenizers";
  std::map<std::string, Shared> opened_;
  testing_support::Walk walk_;
};

void follow_reference(const Json& row, const Shared& target, const Shared& calibrator) {
  const auto tokens = row["target_ids"].get<TokenIds>();
  ASSERT_EQ(tokens.size(), row["steps"].size());
  ByteAlignedStream stream(target, calibrator);
  TokenIds expected;
  for (size_t i = 0; i < tokens.size(); ++i) {
    stream.push(tokens[i]);
    follow({row["steps"][i]["keep"].get<size_t>(), row["steps"][i]["add"].get<TokenIds>()}, expected);
    ASSERT_EQ(stream.ids(), expected) << "after token " << i + 1;
  }
}

TEST(ByteAlignedStreamGolden, GivesTheReferenceStepsOfEveryPair) {
  const fs::path file = golden_dir() / "tokenizers" / "cross_tokenizer.jsonl";
  LIMPID_REQUIRE_PATH(file);
  Folders folders;
  size_t rows = 0, checked = 0;
  for_each_jsonl(file, [&](const Json& row, size_t line) {
    ++rows;
    const Shared target = folders.open(row["target"]), calibrator = folders.open(row["calibrator"]);
    if (!target || !calibrator) return;
    SCOPED_TRACE(testing::Message() << "cross_tokenizer.jsonl:" << line);
    follow_reference(row, target, calibrator);
    ++checked;
  });
  std::cout << "cross_tokenizer.jsonl: " << checked << " of " << rows << " rows checked\n";
  folders.finish();
}

// Neighbours in the order of their names get many texts, all other pairs a few.
TEST(ByteAlignedStreamGolden, EqualsEncodingEverythingAgainForEveryPairOfFolders) {
  Folders folders;
  const auto& all = folders.open_all();
  uint64_t seed = 1;
  for (auto target = all.begin(); target != all.end(); ++target)
    for (auto calibrator = all.begin(); calibrator != all.end(); ++calibrator) {
      SCOPED_TRACE(target->first + " to " + calibrator->first);
      const bool neighbours = std::next(target) == calibrator || std::next(calibrator) == target;
      compare_streams(target->second, calibrator->second, neighbours ? 40 : 8, seed++);
      if (testing::Test::HasFatalFailure()) return;
    }
  folders.finish();
}

// The tail that is encoded again stays short however long the text gets, in scripts with and without spaces.
TEST(ByteAlignedStreamGolden, EncodesOnlyAShortTailAgain) {
  Folders folders;
  for (const auto& [name, tokenizer] : folders.open_all()) {
    SCOPED_TRACE(name);
    std::string text = "First, ";
    for (int i = 0; i < 40; ++i) text += "some words, 12 numbers and more: ";
    EXPECT_GT(tokenizer->safe_cut(text, {}).offset + 64, text.size());
  }
  folders.finish();
}

void compare_both_ways(const fs::path& a, const fs::path& b, int texts, uint64_t seed) {
  for (const auto& path : {a, b}) LIMPID_REQUIRE_PATH(path);
  const Shared one = open_tokenizer(a), other = open_tokenizer(b);
  compare_streams(one, other, texts, seed);
  compare_streams(other, one, texts, seed + 1);
}

TEST(ByteAlignedStreamReal, EqualsEncodingEverythingAgainOnFiveHundredTexts) {
  compare_both_ways(pulled_model_dir("smollm2-135m-instruct"), shared_dir() / "vocab" / "ggml-vocab-llama-spm.gguf",
                    250, 101);
}

TEST(ByteAlignedStreamReal, FollowsGemma) {
  compare_both_ways(pulled_model_dir("gemma-3-270m"), pulled_model_dir("smollm2-135m-instruct"), 100, 105);
}

/// A Unigram vocabulary whose ways to write a run of letters are as good as one another but for rounding.
Shared tiny_unigram(const Json& normalizer, const Json& pretokenizer, bool bytes) {
  Json json = {{"added_tokens", {{{"id", 0}, {"content", "<unk>"}, {"special", true}, {"normalized", false}}}},
               {"normalizer", normalizer},
               {"pre_tokenizer", pretokenizer},
               {"post_processor", nullptr},
               {"decoder", {{"type", "Metaspace"}}}};
  Json vocabulary = Json::array({{"<unk>", 0.0}});
  const std::pair<const char*, double> pieces[] = {{"▁", -2.1},   {"▁the", -4.3}, {"the", -5.7}, {"l", -3.3},
                                                   {"ll", -6.6},  {"lll", -9.9},  {"▁a", -3.7},  {"a", -3.1},
                                                   {"▁the▁", -9}, {".", -4.1},    {"..", -8.2},  {"t", -5.5},
                                                   {"h", -5.1},   {"e", -4.9},    {"s", -4.7},   {"▁▁", -4.2}};
  for (const auto& [piece, score] : pieces) vocabulary.push_back({piece, score});
  for (int byte = 0; bytes && byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    vocabulary.push_back({name, -20.0});
  }
  json["model"] = {{"type", "Unigram"}, {"unk_id", 0}, {"byte_fallback", bytes}, {"vocab", vocabulary}};
  return tiny::open(json);
}

TEST(ByteAlignedStream, FollowsUnigramVocabulariesWithAndWithoutPieces) {
  BpeTrainer trainer({});
  trainer.add("a");
  const Shared bytes = tiny::open(trainer.train());
  const Json whole = {{"type", "Metaspace"}, {"split", false}}, words = {{"type", "Metaspace"}};
  uint64_t seed = 300;
  for (const Json& normalizer : {Json(), Json{{"type", "NFKC"}}})
    for (const Json& pretokenizer : {Json(), whole, words})
      for (const bool fallback : {false, true}) {
        SCOPED_TRACE(normalizer.dump() + pretokenizer.dump());
        const Shared unigram = tiny_unigram(normalizer, pretokenizer, fallback);
        compare_streams(bytes, unigram, 30, ++seed);
        if (testing::Test::HasFatalFailure()) return;
        if (pretokenizer.is_null()) continue;  // spaces are no marks
        const std::string text = "the the lll a a lllll the. ";
        EXPECT_GT(unigram->safe_cut(text + text + text, {}).offset + 12, 3 * text.size());
      }
}

TEST(ByteAlignedStream, RefusesToTakeBackMoreThanItWasGiven) {
  ByteAlignedStream stream(nullptr, nullptr);
  EXPECT_THROW(stream.rewind(1), ConfigError);
  EXPECT_EQ(stream.rewind(0).keep, 0u);
}

}  // namespace
}  // namespace limpid
