#include "limpid/tokenizers/tokenizer.h"

#include <gtest/gtest.h>

#include <sstream>

#include "limpid/tokenizers/merge.h"
#include "limpid/tokenizers/tokenize_file.h"
#include "limpid/tokenizers/unicode.h"
#include "tests/tokenizers/tiny.h"

namespace limpid {
namespace {

using testing_support::TempDir;

TEST(ByteLevelBpe, JoinsByRankAndKeepsTheSpaceWithItsWord) {
  const auto tokenizer = tiny::open(tiny::byte_level_json());
  EXPECT_EQ(tokenizer->encode("ab abc", false), (TokenIds{4, 5, 2}));
  EXPECT_EQ(tokenizer->encode("ba", false), (TokenIds{1, 0}));
  EXPECT_EQ(tokenizer->encode("", true), TokenIds{});
  EXPECT_EQ(tokenizer->decode(TokenIds{4, 5, 2}, false), "ab abc");
  EXPECT_EQ(tokenizer->token_bytes(5), " ab");
}

TEST(ByteLevelBpe, TakesSpecialTokensOutOfTheTextFirst) {
  const auto tokenizer = tiny::open(tiny::byte_level_json());
  EXPECT_EQ(tokenizer->encode("a<e>b", false), (TokenIds{0, 6, 1}));
  EXPECT_TRUE(tokenizer->is_special(6));
  EXPECT_EQ(tokenizer->find("<e>"), std::optional<TokenId>(6));
  EXPECT_EQ(tokenizer->find("a"), std::nullopt);
  EXPECT_EQ(tokenizer->decode(TokenIds{0, 6, 1}, false), "a<e>b");
  EXPECT_EQ(tokenizer->decode(TokenIds{0, 6, 1}, true), "ab");
}

TEST(ByteLevelBpe, ReadsMergesInBothSpellings) {
  Json json = tiny::byte_level_json();
  json["model"]["merges"] = Json::parse(R"([["a", "b"], ["Ġ", "ab"]])");
  EXPECT_EQ(tiny::open(json)->encode("ab abc", false), (TokenIds{4, 5, 2}));
}

TEST(ByteLevelBpe, IgnoresMergesForWholeTokensWhenTheFileSaysSo) {
  Json json = tiny::byte_level_json();
  json["model"]["vocab"]["bc"] = 7;
  EXPECT_EQ(tiny::open(json)->encode("bc", false), (TokenIds{1, 2}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(tiny::open(json)->encode("bc", false), TokenIds{7});
  EXPECT_EQ(tiny::open(json)->encode("bcb", false), (TokenIds{1, 2, 1}));
}

TEST(ByteLevelBpe, SaysTheSameFromVocabAndMergesFiles) {
  TempDir dir;
  dir.write("vocab.json", R"({"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "Ġab": 5, "<|endoftext|>": 6})");
  dir.write("merges.txt", "#version: 0.2\na b\r\nĠ ab\n");
  const auto tokenizer = open_tokenizer(dir.path());
  EXPECT_EQ(tokenizer->encode("ab abc<|endoftext|>", false), (TokenIds{4, 5, 2, 6}));
  EXPECT_EQ(tokenizer->eos(), std::optional<TokenId>(6));
}

TEST(ByteLevelBpe, SaysTheSameFromGguf) {
  TempDir dir;
  const auto tokenizer = tiny::open(dir, tiny::byte_level_metadata());
  EXPECT_EQ(tokenizer->encode("ab abc<e>", false), (TokenIds{4, 5, 2, 6}));
  EXPECT_EQ(vocab_sha256(*tokenizer), vocab_sha256(*tiny::open(tiny::byte_level_json())));
}

TEST(AddedTokens, TakeTheWhiteSpaceBesideThemWhenTheySaySo) {
  Json json = tiny::byte_level_json();
  json["added_tokens"].push_back(
      {{"id", 7}, {"content", "<m>"}, {"special", true}, {"lstrip", true}, {"rstrip", true}});
  EXPECT_EQ(tiny::open(json)->encode("a  <m> \n b", false), (TokenIds{0, 7, 1}));
}

TEST(AddedTokens, OfTheLeftmostTheLongestCounts) {
  Json json = tiny::byte_level_json();
  json["added_tokens"].push_back({{"id", 7}, {"content", "cc"}, {"special", true}});
  json["added_tokens"].push_back({{"id", 8}, {"content", "ccb"}, {"special", true}});
  EXPECT_EQ(tiny::open(json)->encode("cccbccb", false), (TokenIds{7, 2, 1, 8}));  // cc starts before ccb
}

TEST(AddedTokens, StandAloneWhenTheyAreSingleWords) {
  Json json = tiny::byte_level_json();
  json["added_tokens"].push_back({{"id", 7}, {"content", "cc"}, {"special", true}, {"single_word", true}});
  EXPECT_EQ(tiny::open(json)->encode("cc", false), TokenIds{7});
  EXPECT_EQ(tiny::open(json)->encode("acc", false), (TokenIds{0, 2, 2}));
}

TEST(PreTokenizers, SplitAsTheirBehaviourSays) {
  const auto encode = [](const char* behavior, const char* text) {
    Json json = tiny::byte_level_json();
    json["pre_tokenizer"] = {{"type", "Sequence"},
                             {"pretokenizers",
                              {{{"type", "Split"}, {"pattern", {{"String", "c"}}}, {"behavior", behavior}},
                               {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    json["model"]["vocab"].update({{"bc", 7}, {"ca", 8}, {"cc", 9}});
    json["model"]["merges"] = {"a b", "b c", "c a", "c c"};
    return tiny::open(json)->encode(text, false);
  };
  EXPECT_EQ(encode("Isolated", "bcca"), (TokenIds{1, 2, 2, 0}));
  EXPECT_EQ(encode("Removed", "bcca"), (TokenIds{1, 0}));
  EXPECT_EQ(encode("MergedWithPrevious", "bcca"), (TokenIds{7, 2, 0}));
  EXPECT_EQ(encode("MergedWithNext", "bcca"), (TokenIds{1, 2, 8}));
  EXPECT_EQ(encode("Contiguous", "bcca"), (TokenIds{1, 9, 0}));
}

TEST(WordPiece, TakesTheLongestPieceFromTheLeft) {
  const auto tokenizer = tiny::open(tiny::word_piece_json());
  EXPECT_EQ(tokenizer->encode("Una able.", false), (TokenIds{3, 4, 6, 7}));
  EXPECT_EQ(tokenizer->encode("ÜN", true), (TokenIds{1, 3, 2}));  // accents and case are dropped
  EXPECT_EQ(tokenizer->encode("unx", false), TokenIds{0});        // one word, one unknown token
  EXPECT_EQ(tokenizer->encode("unable", false), TokenIds{0});     // more than 5 characters
  EXPECT_EQ(tokenizer->decode(TokenIds{1, 3, 4, 6, 7}, true), "una able.");
  EXPECT_EQ(tokenizer->decode(TokenIds{1, 3}, false), "[CLS] un");
  EXPECT_EQ(tokenizer->token_bytes(3), " un");
  EXPECT_EQ(tokenizer->token_bytes(4), "a");
}

TEST(WordPiece, ReadsVocabTxtWithItsConfig) {
  TempDir dir;
  dir.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\nun\n##a\nUn\n");
  EXPECT_EQ(open_tokenizer(dir.path())->encode("Una", true), (TokenIds{1, 3, 4, 2}));
  dir.write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_EQ(open_tokenizer(dir.path())->encode("Una", true), (TokenIds{1, 5, 4, 2}));
}

TEST(SentencePiece, JoinsTheHighestScoreFirst) {
  TempDir dir;
  const auto tokenizer = tiny::open(dir, tiny::sentencepiece_metadata());
  EXPECT_EQ(tokenizer->encode("ab", false), (TokenIds{7, 5}));        // ▁a scores -1, ab -2
  EXPECT_EQ(tokenizer->encode("bab", true), (TokenIds{1, 3, 5, 6}));  // BOS, ▁, b, ab
  EXPECT_EQ(tokenizer->encode("", false), TokenIds{});
  EXPECT_EQ(tokenizer->decode(TokenIds{1, 7, 5}, false), "ab");  // neither BOS nor the dummy space is shown
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_TRUE(tokenizer->has_dummy_prefix());
}

TEST(SentencePiece, FallsBackToBytesAndReadsControlTokensAsText) {
  TempDir dir;
  const auto tokenizer = tiny::open(dir, tiny::sentencepiece_metadata());
  const TokenId first_byte = 10;
  EXPECT_EQ(tokenizer->encode("é", false), (TokenIds{3, first_byte + 0xC3, first_byte + 0xA9}));
  EXPECT_EQ(tokenizer->encode("<s>", false), (TokenIds{3, first_byte + '<', first_byte + 's', first_byte + '>'}));
  EXPECT_EQ(tokenizer->encode("a<t>a", false), (TokenIds{7, 9, 4}));  // user-defined tokens are found in the text
  EXPECT_EQ(tokenizer->decode(TokenIds{3, first_byte + 0xC3, first_byte + 0xA9}, false), "é");
}

TEST(SentencePiece, LeavesOutTheDummySpaceWhereTheFileSaysSo) {
  TempDir dir;
  auto metadata = tiny::sentencepiece_metadata();
  metadata["tokenizer.ggml.add_space_prefix"] = {false};
  const auto tokenizer = tiny::open(dir, metadata);
  EXPECT_EQ(tokenizer->encode("ab", false), TokenIds{6});
  EXPECT_EQ(tokenizer->decode(TokenIds{7}, false), " a");
}

TEST(StreamingDecoder, HoldsBackUnfinishedCharactersAndHidesTheDummySpace) {
  TempDir dir;
  const auto tokenizer = tiny::open(dir, tiny::sentencepiece_metadata());
  const TokenId byte = 10;
  StreamingDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(1), "");   // BOS
  EXPECT_EQ(decoder.push(7), "a");  // " a"
  EXPECT_EQ(decoder.push(7), " a");
  EXPECT_EQ(decoder.push(byte + 0xC3), "");
  EXPECT_EQ(decoder.push(byte + 0xA9), "é");
  EXPECT_EQ(decoder.push(byte + 0xE2), "");
  EXPECT_EQ(decoder.push(byte + 0x80), "");
  EXPECT_EQ(decoder.push(4),
            "\xef\xbf\xbd"
            "a");  // E2 80 was a beginning of nothing: one U+FFFD
  EXPECT_EQ(decoder.push(byte + 0xF0), "");
  EXPECT_EQ(decoder.finish(), "\xef\xbf\xbd");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(Encode, TakesInvalidUtf8AsReplacementCharacters) {
  TempDir dir;
  const auto tokenizer = tiny::open(dir, tiny::sentencepiece_metadata());
  EXPECT_EQ(tokenizer->encode("a\xff", false), tokenizer->encode("a\xef\xbf\xbd", false));
  EXPECT_EQ(tokenizer->encode("\xe2\x82", false), tokenizer->encode("\xef\xbf\xbd", false));
}

TEST(VocabSha256, CoversLengthsAndBytesInOrder) {
  // "a", "b", "c", " ", "ab", " ab", "<e>", each after its length in four bytes
  std::string bytes;
  for (std::string token : {"a", "b", "c", " ", "ab", " ab", "<e>"})
    bytes += std::string{char(token.size()), 0, 0, 0} + token;
  EXPECT_EQ(vocab_sha256(*tiny::open(tiny::byte_level_json())), sha256(bytes));
}

TEST(TokenizeFile, WritesOneObjectForEachLine) {
  TempDir dir;
  const auto tokenizer = tiny::open(tiny::byte_level_json());
  std::ostringstream ids, texts;
  tokenize_file(*tokenizer, dir.write("texts.jsonl", "{\"text\": \"ab abc\"}\n\n{\"text\": \"<e>\"}\n"), false, false,
                ids);
  EXPECT_EQ(ids.str(), "{\"text\":\"ab abc\",\"ids\":[4,5,2]}\n{\"text\":\"<e>\",\"ids\":[6]}\n");
  tokenize_file(*tokenizer, dir.write("ids.jsonl", "{\"ids\": [0, 6]}\n"), false, true, texts);
  EXPECT_EQ(texts.str(), "{\"ids\":[0,6],\"decoded\":\"a<e>\",\"decoded_plain\":\"a\"}\n");
}

TEST(TokenizeFile, NamesTheLineThatIsWrong) {
  TempDir dir;
  const auto tokenizer = tiny::open(tiny::byte_level_json());
  std::ostringstream out;
  const auto message = [&](const std::string& line, bool decode) {
    try {
      tokenize_file(*tokenizer, dir.write("x.jsonl", line), false, decode, out);
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(message("{\"ids\": [7]}\n", true).find("x.jsonl:1: id 7 is outside the vocabulary of 7"),
            std::string::npos);
  EXPECT_NE(message("{\"ids\": \"a\"}\n", true).find("x.jsonl:1: \"ids\" is a string"), std::string::npos);
  EXPECT_NE(message("{\"ids\": [-1]}\n", true).find("id -1 is outside"), std::string::npos);
  EXPECT_NE(message("{\"id\": []}\n", false).find("x.jsonl:1: \"text\" is missing"), std::string::npos);
}

TEST(TokenizeRow, MessagesBesideANumberThatIsMissingAreRendered) {
  const auto tokenizer = tiny::open(tiny::byte_level_json());
  const std::string row =
      R"({"messages": [{"role": "user", "content": "ab"}], "score": NaN, "chat_template": "{{ messages[0].content }}"})";
  std::ostringstream out;
  tokenize_row(*tokenizer, parse_json_data(row, "x"), row, "x.jsonl:1", false, false, out);
  EXPECT_EQ(out.str(), "{\"text\":\"ab\",\"ids\":[4]}\n");
}

// The heap and the short scan are two ways to the same merges.
TEST(MergeSymbols, GivesTheSameForShortAndLongSequences) {
  const auto rank = [](int left, int right) {
    return (left + right) % 7 < 4 ? uint32_t((left * 5 + right) % 11) : kNoMerge;
  };
  const auto join = [](int left, int right) { return (left * 3 + right) % 50; };
  uint32_t state = 1;
  for (size_t size = 0; size <= 32; ++size)
    for (int repeat = 0; repeat < 20; ++repeat) {
      std::vector<int> few(size);
      for (int& symbol : few) symbol = int((state = state * 1664525u + 1013904223u) >> 24) % 50;
      std::vector<int> many = few;
      detail::merge_few(few, rank, join);
      detail::merge_many(many, rank, join);
      EXPECT_EQ(few, many);
    }
}

TEST(IsValidUtf8, KnowsOverlongFormsSurrogatesAndCutSequences) {
  EXPECT_TRUE(is_valid_utf8("plain é 漢 \xF0\x9F\x8E\x88"));
  for (const char* bad :
       {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80", "\xE6\xBC", "\x80", "\xFF"})
    EXPECT_FALSE(is_valid_utf8(bad));
}

TEST(Utf8, CountsOneReplacementForEachMaximalBeginning) {
  EXPECT_EQ(to_valid_utf8("a\xf0\x9f\x98z"), "a\xef\xbf\xbdz");                      // one beginning of three bytes
  EXPECT_EQ(to_valid_utf8("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate is three wrong bytes
  EXPECT_EQ(to_valid_utf8("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  EXPECT_EQ(incomplete_tail("a\xf0\x9f\x98"), 3u);
  EXPECT_EQ(incomplete_tail("\x80"), 0u);
  EXPECT_EQ(incomplete_tail("\xe0\x80"), 0u);
}

}  // namespace
}  // namespace limpid
