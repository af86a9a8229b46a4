#include "limpid/tokenizers/byte_stream.h"

#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "limpid/core/json.h"
#include "limpid/core/random.h"
#include "limpid/tokenizers/unicode.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::golden_dir;
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

TEST(ByteAlignedStreamGolden, GivesTheReferenceStepsOfEveryPair) {
  const fs::path folder = golden_dir() / "tokenizers";
  LIMPID_REQUIRE_PATH(folder / "cross_tokenizer.jsonl");
  std::map<std::string, Shared> opened;
  const auto open = [&](const std::string& name) -> Shared {
    if (!opened.count(name)) {
      try {
        opened[name] = open_tokenizer(folder / name);
      } catch (const ConfigError& error) {
        std::cout << "skipped: rows with " << name << ": " << error.what() << "\n";
        opened[name] = nullptr;
      }
    }
    return opened[name];
  };
  size_t rows = 0;
  for_each_jsonl(folder / "cross_tokenizer.jsonl", [&](const Json& row, size_t line) {
    const Shared target = open(row["target"].get<std::string>()),
                 calibrator = open(row["calibrator"].get<std::string>());
    if (!target || !calibrator) return;
    ++rows;
    SCOPED_TRACE(testing::Message() << "cross_tokenizer.jsonl:" << line);
    const auto tokens = row["target_ids"].get<TokenIds>();
    ASSERT_EQ(tokens.size(), row["steps"].size());
    ByteAlignedStream stream(target, calibrator);
    TokenIds expected;
    for (size_t i = 0; i < tokens.size(); ++i) {
      stream.push(tokens[i]);
      follow({row["steps"][i]["keep"].get<size_t>(), row["steps"][i]["add"].get<TokenIds>()}, expected);
      ASSERT_EQ(stream.ids(), expected) << "after token " << i + 1;
    }
  });
  EXPECT_GT(rows, 0u);
}

TEST(ByteAlignedStreamGolden, EqualsEncodingEverythingAgainForEveryPairOfFolders) {
  const fs::path folder = golden_dir() / "tokenizers";
  LIMPID_REQUIRE_PATH(folder);
  std::vector<std::pair<std::string, Shared>> all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory() || !fs::exists(entry.path() / "tokenizer.json")) continue;
    try {
      all.emplace_back(entry.path().filename().string(), open_tokenizer(entry.path()));
    } catch (const ConfigError& error) {
      std::cout << "skipped: " << entry.path().filename().string() << ": " << error.what() << "\n";
    }
  }
  ASSERT_GT(all.size(), 1u);
  uint64_t seed = 1;
  for (const auto& [target_name, target] : all)
    for (const auto& [calibrator_name, calibrator] : all) {
      SCOPED_TRACE(target_name + " to " + calibrator_name);
      compare_streams(target, calibrator, 8, seed++);
      if (testing::Test::HasFatalFailure()) return;
    }
}

TEST(ByteAlignedStreamGolden, EqualsEncodingEverythingAgainOnAThousandTextsBothWays) {
  const fs::path spm = shared_dir() / "vocab" / "ggml-vocab-llama-spm.gguf",
                 smollm2 = pulled_model_dir("smollm2-135m-instruct");
  const fs::path gpt2 = golden_dir() / "tokenizers" / "gpt2", roberta = golden_dir() / "tokenizers" / "roberta";
  for (const auto& path : {spm, smollm2, gpt2, roberta}) LIMPID_REQUIRE_PATH(path);
  compare_streams(open_tokenizer(smollm2), open_tokenizer(spm), 250, 101);
  compare_streams(open_tokenizer(spm), open_tokenizer(smollm2), 250, 102);
  compare_streams(open_tokenizer(gpt2), open_tokenizer(roberta), 250, 103);
  compare_streams(open_tokenizer(roberta), open_tokenizer(gpt2), 250, 104);
}

TEST(ByteAlignedStreamReal, FollowsGemma) {
  const fs::path gemma = pulled_model_dir("gemma-3-270m"), smollm2 = pulled_model_dir("smollm2-135m-instruct");
  for (const auto& path : {gemma, smollm2}) LIMPID_REQUIRE_PATH(path);
  const Shared a = open_tokenizer(gemma), b = open_tokenizer(smollm2);
  compare_streams(a, b, 100, 105);
  compare_streams(b, a, 100, 106);
}

// The tail that is encoded again stays short however long the text gets, in scripts with and without spaces.
TEST(ByteAlignedStreamGolden, EncodesOnlyAShortTailAgain) {
  const fs::path folder = golden_dir() / "tokenizers";
  LIMPID_REQUIRE_PATH(folder);
  size_t checked = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!fs::exists(entry.path() / "tokenizer.json")) continue;
    Shared tokenizer;
    try {
      tokenizer = open_tokenizer(entry.path());
    } catch (const ConfigError&) {
      continue;  // named as skipped by the other tests
    }
    SCOPED_TRACE(entry.path().filename().string());
    std::string text = "First, ";
    for (int i = 0; i < 40; ++i) text += "some words, 12 numbers and more: ";
    EXPECT_GT(tokenizer->safe_cut(text, true) + 64, text.size());
    ++checked;
  }
  EXPECT_GT(checked, 0u);
}

TEST(ByteAlignedStream, RefusesToTakeBackMoreThanItWasGiven) {
  ByteAlignedStream stream(nullptr, nullptr);
  EXPECT_THROW(stream.rewind(1), ConfigError);
  EXPECT_EQ(stream.rewind(0).keep, 0u);
}

}  // namespace
}  // namespace limpid
