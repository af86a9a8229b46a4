#include <gtest/gtest.h>

#include "limpid/core/warnings.h"
#include "tests/tokenizers/tiny.h"

/// What the files beside a tokenizer say, where it adds to the tokenizer's own file or contradicts it.
namespace limpid {
namespace {

using testing_support::TempDir;

/// A folder with a tokenizer, opened with the files given, and what was warned of.
struct Folder {
  TempDir dir;
  std::vector<std::string> warnings;

  explicit Folder(const Json& tokenizer) { dir.write("tokenizer.json", tokenizer.dump()); }
  void write(const char* file, const Json& content) { dir.write(file, content.dump()); }
  std::shared_ptr<const Tokenizer> open() {
    warnings.clear();
    listen_to_warnings([this](const std::string& message) { warnings.push_back(message); });
    const auto tokenizer = open_tokenizer(dir.path());
    listen_to_warnings(nullptr);
    return tokenizer;
  }
  TokenIds ids(const std::string& text) { return open()->encode(text, false); }
};

struct ByteLevel : Folder {
  explicit ByteLevel(const Json& config) : Folder(tiny::byte_level_json()) { write("tokenizer_config.json", config); }
};

TEST(ConfiguredTokens, ListedOnesThatTheTokenizerLacksGetTheNextIds) {
  Folder folder(tiny::byte_level_json());
  folder.write("tokenizer_config.json",
               {{"added_tokens_decoder",
                 {{"8", {{"content", "<y>"}, {"special", true}}}, {"7", {{"content", "<x>"}, {"special", false}}}}}});
  EXPECT_EQ(folder.ids("a<x>b<y><e>"), (TokenIds{0, 7, 1, 8, 6}));
  EXPECT_TRUE(folder.warnings.empty());
  const auto tokenizer = folder.open();
  EXPECT_EQ(tokenizer->vocab_size(), 9u);
  EXPECT_TRUE(tokenizer->is_special(8));
  EXPECT_FALSE(tokenizer->is_special(7));
  EXPECT_EQ(tokenizer->decode(TokenIds{0, 7}, true), "a<x>");
}

TEST(ConfiguredTokens, OfAddedTokensJsonAndTheSpecialTokensMapCountWhereTheConfigListsNone) {
  Folder folder(tiny::byte_level_json());
  folder.write("added_tokens.json", {{"<x>", 7}});
  folder.write("special_tokens_map.json", {{"pad_token", "<p>"}, {"additional_special_tokens", {"<y>"}}});
  EXPECT_EQ(folder.ids("<x><p><y>"), (TokenIds{7, 8, 9}));
  EXPECT_EQ(folder.open()->pad(), 8);
  folder.write("tokenizer_config.json", {{"added_tokens_decoder", Json::object()}, {"pad_token", "<e>"}});
  EXPECT_EQ(folder.open()->vocab_size(), 7u) << "a config that lists its tokens is complete";
  EXPECT_EQ(folder.open()->pad(), 6);
}

TEST(AddedTokens, OfThoseThatNormaliseAlikeTheFirstIsFound) {
  auto json = tiny::byte_level_json();
  json["normalizer"] = {{"type", "Lowercase"}};
  for (const char* name : {"<X>", "<x>"})
    json["added_tokens"].push_back(
        {{"id", 7 + (name[1] == 'x')}, {"content", name}, {"normalized", true}, {"special", false}});
  EXPECT_EQ(Folder(json).ids("a<x>b<X>"), (TokenIds{0, 7, 1, 7}));
}

TEST(ConfiguredTokens, WithARoleAreSpecialAlsoWhereTheyAreWordsOfTheVocabulary) {
  ByteLevel folder(Json{{"pad_token", "ab"}, {"image_token", "<i>"}, {"extra_special_tokens", {"<z>"}}});
  EXPECT_EQ(folder.ids("ab<i><z>"), (TokenIds{4, 7, 8}));
  EXPECT_TRUE(folder.open()->is_special(4));
}

TEST(ConfiguredTokens, UnderAnotherIdThanTheVocabularysAreWarnedOf) {
  ByteLevel folder(Json{{"added_tokens_decoder", {{"12", {{"content", "<x>"}}}, {"3", {{"content", "<e>"}}}}}});
  EXPECT_EQ(folder.ids("<x><e>"), (TokenIds{7, 6}));
  ASSERT_EQ(folder.warnings.size(), 3u) << "two ids, and <e> is special in tokenizer.json";
  EXPECT_NE(folder.warnings[0].find("token \"<e>\" is said to be 3, but is 6"), std::string::npos);
  EXPECT_NE(folder.warnings[2].find("token \"<x>\" is said to be 12, but is 7"), std::string::npos);
}

TEST(ConfiguredTokens, AreNotLookedForWhereSpecialTokensAreSplit) {
  ByteLevel folder(Json{{"split_special_tokens", true}, {"pad_token", "ab"}});
  EXPECT_EQ(folder.ids("ab"), TokenIds{4});
  ByteLevel whole(Json{{"split_special_tokens", false}});
  EXPECT_EQ(whole.ids("<e>"), TokenIds{6});
  Json with_angle = tiny::byte_level_json();
  with_angle["model"]["vocab"].update({{"<", 7}, {"e", 8}, {">", 9}});
  Folder split(with_angle);
  split.write("tokenizer_config.json", {{"split_special_tokens", true}});
  EXPECT_EQ(split.ids("<e>"), (TokenIds{7, 8, 9}));
}

TEST(ConfiguredTokens, BesideVocabFilesCountToo) {
  TempDir dir;
  dir.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3})");
  dir.write("merges.txt", "#version: 0.2\na b\n");
  dir.write("added_tokens.json", R"({"<x>": 4})");
  EXPECT_EQ(open_tokenizer(dir.path())->encode("ab<x><|endoftext|>", false), (TokenIds{2, 4, 3}));
}

TEST(ConfiguredSettings, OfAClassThatBuildsItsPartsFromThemCountBeforeTokenizerJson) {
  EXPECT_EQ(ByteLevel(Json{{"tokenizer_class", "GPT2Tokenizer"}, {"add_prefix_space", true}}).ids("ab"), TokenIds{5});
  EXPECT_EQ(ByteLevel(Json{{"tokenizer_class", "GPT2TokenizerFast"}, {"add_prefix_space", false}}).ids("ab"),
            TokenIds{4});
  Json spaced = tiny::byte_level_json();
  spaced["pre_tokenizer"]["add_prefix_space"] = true;
  Folder silent(spaced);
  EXPECT_EQ(silent.ids("ab"), TokenIds{5}) << "no config";
  silent.write("tokenizer_config.json", {{"tokenizer_class", "GPT2Tokenizer"}});
  EXPECT_EQ(silent.ids("ab"), TokenIds{4}) << "what the class assumes";
}

TEST(ConfiguredSettings, ThatAClassDoesNotLookAtAreWarnedOfWhereTheyWouldMatter) {
  ByteLevel folder(Json{{"tokenizer_class", "PreTrainedTokenizerFast"}, {"add_prefix_space", true}});
  EXPECT_EQ(folder.ids("ab"), TokenIds{4});
  ASSERT_EQ(folder.warnings.size(), 1u);
  EXPECT_NE(folder.warnings[0].find(
                "\"add_prefix_space\" in tokenizer_config.json is true, which the class PreTrainedTokenizer does not"),
            std::string::npos);
  folder.write("tokenizer_config.json", {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"add_prefix_space", false}});
  folder.open();
  EXPECT_TRUE(folder.warnings.empty());
}

TEST(ConfiguredSettings, OfABertTokenizerSayHowTextIsNormalised) {
  Json words = tiny::word_piece_json();
  words["model"]["max_input_chars_per_word"] = 6;
  Folder folder(words);
  EXPECT_EQ(folder.ids("ÚNable"), (TokenIds{3, 5})) << "lower case, without accents";
  folder.write("tokenizer_config.json", {{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", false}});
  EXPECT_EQ(folder.ids("ÚNable"), TokenIds{0});
  EXPECT_EQ(folder.ids("unable"), (TokenIds{3, 5}));
  folder.write("tokenizer_config.json", {{"tokenizer_class", "BertTokenizer"}, {"strip_accents", false}});
  EXPECT_EQ(folder.ids("UNable"), (TokenIds{3, 5}));
  EXPECT_EQ(folder.ids("ÚNable"), TokenIds{0});
  words["model"]["vocab"]["中"] = 8;
  Folder spaced(words);
  EXPECT_EQ(spaced.ids("中able"), (TokenIds{8, 6}));
  spaced.write("tokenizer_config.json", {{"tokenizer_class", "BertTokenizer"}, {"tokenize_chinese_chars", false}});
  EXPECT_EQ(spaced.ids("中able"), (TokenIds{8, 5}));
}

TEST(ConfiguredTemplates, WithoutADefaultAreNamedInAWarning) {
  ByteLevel folder(
      Json{{"chat_template", {{{"name", "rag"}, {"template", "r"}}, {{"name", "tool_use"}, {"template", "t"}}}}});
  EXPECT_EQ(folder.open()->chat_template(), "");
  ASSERT_EQ(folder.warnings.size(), 1u);
  EXPECT_NE(folder.warnings[0].find("names \"rag\", \"tool_use\", and not \"default\""), std::string::npos);
}

TEST(ConfiguredTokens, ThatAreMalformedNameFileAndPlace) {
  const auto refusal = [](const char* file, const Json& content) -> std::string {
    Folder folder(tiny::byte_level_json());
    folder.write(file, content);
    try {
      folder.open();
    } catch (const FormatError& error) {
      return std::string(error.what()).substr(std::string(error.what()).find(file));
    }
    return "was opened";
  };
  EXPECT_EQ(refusal("tokenizer_config.json", {{"added_tokens_decoder", {{"x", {{"content", "<x>"}}}}}}),
            "tokenizer_config.json: \"added_tokens_decoder\": \"x\" is not an id");
  EXPECT_EQ(refusal("tokenizer_config.json", {{"added_tokens_decoder", {{"7", 7}}}}),
            "tokenizer_config.json: \"added_tokens_decoder\": \"7\": is a number, expected a token");
  EXPECT_EQ(refusal("tokenizer_config.json", {{"pad_token", 3}}),
            "tokenizer_config.json: \"pad_token\": is a number, expected a token");
  EXPECT_EQ(refusal("tokenizer_config.json", {{"additional_special_tokens", "<x>"}}),
            "tokenizer_config.json: \"additional_special_tokens\" is a string, expected a list of tokens");
  EXPECT_EQ(refusal("tokenizer_config.json", {{"do_lower_case", "false"}}),
            "tokenizer_config.json: \"do_lower_case\" is a string, expected true or false");
  EXPECT_EQ(refusal("tokenizer_config.json", {{"chat_template", 5}}),
            "tokenizer_config.json: \"chat_template\" is a number, expected a template, or several by name");
  EXPECT_EQ(refusal("tokenizer_config.json", {{"chat_template", {{{"name", "default"}}}}}),
            "tokenizer_config.json: \"chat_template\": \"template\" is missing");
  EXPECT_EQ(refusal("added_tokens.json", {{"<x>", "seven"}}),
            "added_tokens.json: \"<x>\": id is a string, expected an integer");
  EXPECT_EQ(refusal("added_tokens.json", Json::array()), "added_tokens.json: is an array, expected an object");
}

TEST(GgufTokenizer, WarnsOfAByteLevelVocabularyThatDoesNotSayHowTextIsSplit) {
  TempDir dir;
  std::vector<std::string> warnings;
  listen_to_warnings([&](const std::string& message) { warnings.push_back(message); });
  tiny::open(dir, tiny::byte_level_metadata());
  tiny::open(dir, tiny::sentencepiece_metadata());
  EXPECT_TRUE(warnings.empty());
  tiny::Metadata silent = tiny::byte_level_metadata();
  silent.erase("tokenizer.ggml.pre");
  tiny::open(dir, silent);
  listen_to_warnings(nullptr);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("tokenizer.ggml.pre is missing"), std::string::npos);
}

}  // namespace
}  // namespace limpid
