#include <gtest/gtest.h>

#include "limpid/core/error.h"
#include "limpid/tokenizers/base64.h"
#include "limpid/tokenizers/byte_trie.h"
#include "limpid/tokenizers/decoder.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/regex.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/train_bpe.h"
#include "limpid/tokenizers/unigram.h"
#include "tests/tokenizers/tiny.h"

// Parts of tokenizers with vocabularies of a few tokens. tests/peers compares them with the libraries.
namespace limpid {
namespace {

using testing_support::TempDir;

UnigramModel unigram(UnigramModel::Options options = {}) {
  options.unknown_score = -20;
  return UnigramModel({{"a", 1}, {"b", 2}, {"ab", 3}, {"abc", 4}}, {0, -3, -3, -4, -9}, std::move(options));
}

TokenIds ids_of(const PieceModel& model, std::string_view text) {
  TokenIds ids;
  model.encode(text, ids);
  return ids;
}

TEST(Unigram, TakesTheTokensWhoseScoresAddUpHighest) {
  EXPECT_EQ(ids_of(unigram(), "ab"), (TokenIds{3}));  // -4 beats -3 - 3
  EXPECT_EQ(ids_of(unigram(), "aab"), (TokenIds{1, 3}));
  EXPECT_EQ(ids_of(unigram(), ""), TokenIds{});
}

TEST(Unigram, WritesARunOfUnknownCharactersAsOneTokenOrAsBytes) {
  UnigramModel::Options options;
  options.unknown = 0;
  EXPECT_EQ(ids_of(unigram(options), "aéüb"), (TokenIds{1, 0, 2}));
  for (TokenId byte = 0; byte < 256; ++byte) options.bytes.push_back(1000 + byte);
  EXPECT_EQ(ids_of(unigram(options), "é"), (TokenIds{1000 + 0xC3, 1000 + 0xA9}));
}

TEST(ByteTrie, FindsEveryStringThatATextBeginsWith) {
  const ByteTrie trie({{"a", 1}, {"abc", 2}, {"b", 3}, {"a", 4}});
  std::vector<std::pair<size_t, int32_t>> found;
  trie.for_each_prefix("abcd", [&](size_t length, int32_t id) { found.emplace_back(length, id); });
  EXPECT_EQ(found, (std::vector<std::pair<size_t, int32_t>>{{1, 4}, {3, 2}}));
}

TEST(Base64, DecodesWholeGroupsOnly) {
  EXPECT_EQ(decode_base64("TGltcGlk"), "Limpid");
  EXPECT_EQ(decode_base64("YQ=="), "a");
  EXPECT_EQ(decode_base64("YQ"), std::nullopt);
  EXPECT_EQ(decode_base64("Y?=="), std::nullopt);
  for (const char* text : {"", "f", "fo", "foo", "foob", "\xff\xfe?>"})
    EXPECT_EQ(decode_base64(encode_base64(text)), text);
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("\xff\xef\xbe"), "/+++");
}

TEST(RegexClasses, MayHoldClassesAndIntersections) {
  const auto first = [](const char* expression, std::string_view text) {
    Regex::Span match{};
    const bool found = Regex(expression, "test").find(text, 0, match) == Regex::Result::kMatch;
    return found ? std::string(text.substr(match.begin, match.end - match.begin)) : "none";
  };
  EXPECT_EQ(first("[a[bc]]+", "xabcd"), "abc");
  EXPECT_EQ(first("[^(a|[bc])]+", "ab(xy|c"), "xy");
  EXPECT_EQ(first("[a-z&&[^aeiou]]+", "aebcd"), "bcd");
  EXPECT_EQ(first("[\\W]+", "ab !?"), " !?");
  EXPECT_EQ(first("[\\p{Han}]+", "か漢字ー"), "漢字");
  EXPECT_EQ(first("\\p{han}+", "か漢字ー"), "漢字");
  EXPECT_EQ(first("\\p{Bengali}+", "বাংলা।"), "বাংলা");
  EXPECT_EQ(first("\\w", "½a"), "½");
  EXPECT_EQ(first("[\\w]", "½a"), "a");
}

TEST(RegexRepetitions, AreOnigurumas) {
  const auto first = [](const char* expression, std::string_view text) {
    Regex::Span match{};
    const bool found = Regex(expression, "test").find(text, 0, match) == Regex::Result::kMatch;
    return found ? std::string(text.substr(match.begin, match.end - match.begin)) : "none";
  };
  EXPECT_EQ(first("\\p{N}{1,3}+", "12345"), "12345");
  EXPECT_EQ(first("x(?:ab){2}+", "xabababab"), "xabababab");
  EXPECT_EQ(first("é{2}+", "éééé"), "éééé");
  EXPECT_EQ(first("a{,2}b", "aaab"), "aab");
  EXPECT_EQ(first("xa{2}?", "xa"), "x");
  EXPECT_EQ(first("a{x}", "a{x}"), "a{x}");
  EXPECT_EQ(first("\\x{62}+", "abbc"), "bb");
  EXPECT_EQ(first("(?m)a.b", "a\nb"), "a\nb");
  EXPECT_EQ(first("(?m:a.)b", "a\nb"), "a\nb");
  EXPECT_EQ(first("a.b", "a\nb"), "none");
}

std::string decoded(std::vector<Decoder::Step> steps, std::vector<std::string> names) {
  Decoder decoder;
  for (Decoder::Step& step : steps) decoder.add(std::move(step));
  return decoder.text(std::move(names));
}

TEST(Decoders, JoinNamesAsTheirKindSays) {
  using Kind = Decoder::Kind;
  EXPECT_EQ(decoded({}, {"a", "b"}), "a b");
  EXPECT_EQ(decoded({{Kind::kWordPiece, "##"}}, {"un", "##able", "to"}), "unable to");
  EXPECT_EQ(decoded({{Kind::kWordSuffix, "</w>"}}, {"a", "b</w>", "c</w>"}), "ab c");
  EXPECT_EQ(decoded({{Kind::kCtc, "-", "|"}}, {"a", "a", "-", "a", "b"}), "aab");
  EXPECT_EQ(decoded({{Kind::kByteFallback}, {Kind::kFuse}}, {"<0xC3>", "<0xA9>"}), "é");
}

TEST(Decoders, SayWhatATokenAddsBetweenTwoOthers) {
  Decoder decoder;
  decoder.add({Decoder::Kind::kWordPiece, "##"});
  EXPECT_EQ(decoder.between("to"), " to");
  EXPECT_EQ(decoder.between("##able"), "able");
}

TEST(SplitRules, OfEveryNameCompile) {
  for (const char* name :
       {"default",    "falcon",    "gpt-2",      "deepseek-llm", "deepseek-coder", "deepseek-v3", "youtu",
        "tekken",     "chameleon", "gpt-4o",     "tiny_aya",     "kimi-k2",        "superbpe",    "bailingmoe",
        "seed-coder", "afmoe",     "exaone-moe", "viking",       "jais-2",         "qwen35"}) {
    const auto rules = split_rules(name);
    ASSERT_TRUE(rules) << name;
    auto json = tiny::byte_level_json();
    json["pre_tokenizer"] = rules->pre_tokenizer;
    EXPECT_EQ(tiny::open(json)->encode("ab ab", false), (TokenIds{4, 5})) << name;
  }
  EXPECT_FALSE(split_rules("gemma9"));
}

std::string cut(const char* name, std::string_view text) {
  PreTokenizer pretokenizer;
  read_pretokenizer(split_rules(name)->pre_tokenizer, pretokenizer, name);
  Pieces pieces;
  pretokenizer.split(text, {}, pieces);
  std::string out;
  for (const Pieces::Span& span : pieces.spans) (out += out.empty() ? "" : "|") += pieces.piece(span);
  return out;
}

TEST(SplitRules, CutAsTheirModelsDo) {
  const char* text = "They'RE 12345 ok \n\nx";
  EXPECT_EQ(cut("gpt-2", text), "They|'|RE| 12345| ok| \n|\n|x");
  EXPECT_EQ(cut("smollm", text), "They|'|RE| |1|2|3|4|5| ok| \n|\n|x");
  EXPECT_EQ(cut("llama-bpe", text), "They|'RE| |123|45| ok| \n\n|x");
  EXPECT_EQ(cut("qwen2", text), "They|'RE| |1|2|3|4|5| ok| \n\n|x");
  EXPECT_EQ(cut("laguna", text), "They|'RE| |1|2|3|4|5| ok| |\n\n|x");
  EXPECT_EQ(cut("gpt-4o", text), "They'RE| |123|45| ok| \n\n|x");
  EXPECT_EQ(cut("tekken", text), "They|'RE| |1|2|3|4|5| ok| \n\n|x");
}

TEST(WordLevel, KnowsWholePiecesOnly) {
  const auto json = Json::parse(R"({"pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
    "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "kind": 1, "words": 2}}})");
  EXPECT_EQ(tiny::open(json)->encode("kind words, kinder", false), (TokenIds{1, 2, 0, 0}));
  EXPECT_EQ(tiny::open(json)->decode(TokenIds{1, 2}, false), "kind words");
}

TEST(BpeAffixes, MarkTheEndOfAWord) {
  auto json = tiny::byte_level_json();
  json["model"] =
      Json::parse(R"({"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {"a": 0, "b</w>": 1, "ab</w>": 2, "b": 3},
    "merges": ["a b</w>"]})");
  EXPECT_EQ(tiny::open(json)->encode("ab", false), (TokenIds{2}));
  EXPECT_EQ(tiny::open(json)->encode("aba", false),
            (TokenIds{0, 3}));  // "a</w>" is no token, nor is there an unknown one
}

TEST(TiktokenFiles, MergeByRankAndTakeWholePiecesFirst) {
  const TempDir dir;  // a, b, c, bc, abc
  dir.write("r50k_base.tiktoken", "YQ== 0\nYg== 1\nYw== 2\nYmM= 3\nYWJj 4\n");
  const auto tokenizer = open_tokenizer(dir.path());
  EXPECT_EQ(tokenizer->encode("abc", false), (TokenIds{4}));
  EXPECT_EQ(tokenizer->encode("aabc", false), (TokenIds{0, 4}));
  EXPECT_EQ(tokenizer->encode("a<|endoftext|>bc", false), (TokenIds{0, 5, 3}));
  EXPECT_EQ(tokenizer->decode(TokenIds{4, 5}, false), "abc<|endoftext|>");
}

TEST(TiktokenFiles, HaveTheSpecialTokensOfTheirEncodingWithTheReservedOnes) {
  const TempDir dir;
  dir.write("llama3.tiktoken", "YQ== 0\nYg== 1\nYw== 2\nYmM= 3\nYWJj 4\n");
  const auto llama = open_tokenizer(dir.path());
  EXPECT_EQ(llama->vocab_size(), 5u + 256);
  EXPECT_EQ(llama->bos(), 5);
  EXPECT_EQ(llama->eos(), 6);
  EXPECT_EQ(llama->find("<|reserved_special_token_2|>"), 5 + 5);
  EXPECT_EQ(llama->find("<|python_tag|>"), 5 + 10);
  EXPECT_EQ(llama->find("<|reserved_special_token_247|>"), 5 + 255);
  dir.write("qwen.tiktoken", "YQ== 0\n");
  EXPECT_EQ(open_tokenizer(dir.path() / "qwen.tiktoken")->find("<|extra_204|>"), 1 + 207);
}

TEST(TiktokenFiles, TakeTheTokensThatTheFilesBesideThemName) {
  const TempDir dir;
  dir.write("r50k_base.tiktoken", "YQ== 0\nYg== 1\nYw== 2\nYmM= 3\nYWJj 4\n");
  dir.write(
      "tokenizer_config.json",
      R"({"added_tokens_decoder": {"6": {"content": "<x>", "special": true}, "7": {"content": "<y>", "special": false}},
                "pad_token": "<x>", "eos_token": "<|endoftext|>"})");
  const auto tokenizer = open_tokenizer(dir.path());
  EXPECT_EQ(tokenizer->encode("a<x>bc<y><|endoftext|>", false), (TokenIds{0, 6, 3, 7, 5}));
  EXPECT_EQ(tokenizer->pad(), 6);
  EXPECT_EQ(tokenizer->eos(), 5);
  EXPECT_EQ(tokenizer->decode(TokenIds{0, 6, 7}, true), "a<y>");
}

TEST(BpeTraining, JoinsTheMostFrequentPairFirst) {
  BpeTrainer::Options options;
  options.vocab_size = 259;
  BpeTrainer trainer(options);
  for (const char* text : {"abab", "ab", "abc"}) trainer.add(text);
  const Json model = trainer.train()["model"];
  EXPECT_EQ(model["merges"], Json::parse(R"([["a", "b"]])"));  // four times; nothing else twice
  EXPECT_EQ(model["vocab"].size(), 258u);
  EXPECT_EQ(model["vocab"]["<|endoftext|>"], 0);
  EXPECT_EQ(model["vocab"]["!"], 1);
}

TEST(BpeTraining, RefusesSpecialTokensThatAreNoTokensOfTheirOwn) {
  for (const std::vector<std::string>& tokens :
       std::vector<std::vector<std::string>>{{""}, {"a"}, {"Ġ"}, {"<s>", "<s>"}}) {
    BpeTrainer::Options options;
    options.special_tokens = tokens;
    EXPECT_THROW(BpeTrainer{options}, ConfigError) << tokens[0];
  }
}

TEST(BpeTraining, DoesNotDependOnTheOrderOfTexts) {
  BpeTrainer one({}), other({});
  for (const char* text : {"some words", "other words", "words"}) one.add(text);
  for (const char* text : {"words", "some words", "other words"}) other.add(text);
  EXPECT_EQ(one.train(), other.train());
}

TEST(BpeTraining, RefusesAVocabularyWithoutRoomForTheBytes) {
  BpeTrainer::Options options;
  options.vocab_size = 256;
  EXPECT_THROW(BpeTrainer{options}, ConfigError);
}

}  // namespace
}  // namespace limpid
