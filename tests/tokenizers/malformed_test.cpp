#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "limpid/tokenizers/regex.h"
#include "tests/tokenizers/tiny.h"

// Whatever is wrong with a file is said in one line that names the file and the place.
namespace limpid {
namespace {

using testing_support::TempDir;

template <class Type>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Type& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "no exception";
}

std::string json_error(const std::function<void(Json&)>& spoil, Json json = tiny::byte_level_json()) {
  spoil(json);
  return message_of<FormatError>([&] { tiny::open(json); });
}

std::string json_refusal(const std::function<void(Json&)>& spoil, Json json = tiny::byte_level_json()) {
  spoil(json);
  return message_of<ConfigError>([&] { tiny::open(json); });
}

std::string gguf_error(const std::function<void(tiny::Metadata&)>& spoil, tiny::Metadata metadata) {
  TempDir dir;
  spoil(metadata);
  const std::string message = message_of<FormatError>([&] { tiny::open(dir, metadata); });
  const size_t name = message.find("model.gguf");
  return name == std::string::npos ? message : message.substr(name);
}

std::string folder_error(const std::vector<std::pair<std::string, std::string>>& files) {
  TempDir dir;
  for (const auto& [name, text] : files) dir.write(name, text);
  std::string message = message_of<FormatError>([&] { open_tokenizer(dir.path()); });
  const std::string folder = dir.path().string() + "/";
  const size_t at = message.find(folder);
  return at == std::string::npos ? "does not name its folder: " + message : message.erase(at, folder.size());
}

TEST(MalformedTokenizerJson, ANormalizerThatDoublesTheTextAgainAndAgainIsStopped) {
  for (const Json& pattern : {Json{{"String", "a"}}, Json{{"Regex", "a"}}}) {
    Json json = tiny::byte_level_json(), steps = Json::array();
    for (int i = 0; i < 40; ++i) steps.push_back({{"type", "Replace"}, {"pattern", pattern}, {"content", "aa"}});
    json["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
    const auto tokenizer = tiny::open(json);
    EXPECT_EQ(tokenizer->encode("b", false).size(), 1u);
    EXPECT_NE(message_of<FormatError>([&] { tokenizer->encode("a", false); }).find("more than"), std::string::npos);
  }
}

TEST(MalformedTokenizerJson, ADecoderThatDoublesATokenAgainAndAgainIsRefused) {
  for (const Json& pattern : {Json{{"String", "a"}}, Json{{"Regex", "a"}}}) {
    const std::string message = json_error([&](Json& json) {
      Json steps = Json::array();
      for (int i = 0; i < 40; ++i) steps.push_back({{"type", "Replace"}, {"pattern", pattern}, {"content", "aa"}});
      json["decoder"] = {{"type", "Sequence"}, {"decoders", steps}};
    });
    EXPECT_NE(message.find("more than"), std::string::npos) << message;
  }
}

TEST(TokenizerJson, AnExpressionOfADecoderMeetsTextWhereStepsBeforeMadeBytes) {
  Json json = tiny::byte_level_json();
  json["model"]["vocab"]["<0xC3>"] = 7;
  const Json replace = {{"type", "Replace"}, {"pattern", {{"Regex", "[^a]"}}}, {"content", "b"}};
  json["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, replace}}};
  EXPECT_EQ(tiny::open(json)->decode(TokenIds{0, 7}, false), "ab");
}

TEST(MalformedTokenizerJson, SaysWhatIsNotJson) {
  EXPECT_EQ(message_of<FormatError>([] { parse_tokenizer_json("{\"model\": ", "tokenizer.json", {}); }),
            "[tokenizer] tokenizer.json: not valid JSON at byte 11 of 10");
  EXPECT_EQ(message_of<FormatError>([] { parse_tokenizer_json("[]", "tokenizer.json", {}); }),
            "[tokenizer] tokenizer.json: is an array, expected an object");
  EXPECT_EQ(message_of<FormatError>([] { parse_tokenizer_json("{}", "tokenizer.json", {}); }),
            "[tokenizer] tokenizer.json: model is missing, expected an object");
  EXPECT_NE(message_of<FormatError>([] { parse_tokenizer_json(std::string(100'000, '['), "tokenizer.json", {}); }),
            "no exception");
}

TEST(MalformedTokenizerJson, SaysWhatIsWrongWithTheVocabulary) {
  EXPECT_EQ(json_error([](Json& j) { j["model"].erase("vocab"); }),
            "[tokenizer] tokenizer.json: model.vocab is missing, expected an object of token: id");
  EXPECT_EQ(json_error([](Json& j) { j["model"]["vocab"]["a"] = "0"; }),
            "[tokenizer] tokenizer.json: model.vocab: token \"a\" has a string for an id, expected an integer");
  EXPECT_EQ(json_error([](Json& j) { j["model"]["vocab"]["a"] = 2; }),
            "[tokenizer] tokenizer.json: id 2 stands for \"a\" and for \"c\"");
  EXPECT_EQ(json_error([](Json& j) { j["model"]["vocab"]["a"] = 2'000'000'000; }),
            "[tokenizer] tokenizer.json: token \"a\" has id 2000000000, expected 0 to 100013 in a vocabulary of 7");
  EXPECT_EQ(json_error([](Json& j) { j["model"]["vocab"]["a"] = -1; }),
            "[tokenizer] tokenizer.json: token \"a\" has id -1, expected 0 to 100013 in a vocabulary of 7");
}

TEST(MalformedTokenizerJson, SaysWhichMergeIsWrong) {
  EXPECT_EQ(json_error([](Json& j) { j["model"]["merges"][1] = "Ġ a b"; }),
            "[tokenizer] tokenizer.json: model.merges[1]: \"Ġ a b\" has 3 fields, expected 2");
  EXPECT_EQ(json_error([](Json& j) { j["model"]["merges"][1] = {"a"}; }),
            "[tokenizer] tokenizer.json: model.merges[1]: found an array of 1, expected \"left right\" or [\"left\", "
            "\"right\"]");
  EXPECT_EQ(json_error([](Json& j) { j["model"]["merges"][1] = "a c"; }),
            "[tokenizer] tokenizer.json: model.merges[1]: \"ac\" is not in the vocabulary");
  EXPECT_EQ(json_error([](Json& j) { j["model"]["merges"] = 3; }),
            "[tokenizer] tokenizer.json: model.merges is a number, expected an array");
}

TEST(MalformedTokenizerJson, SaysWhatIsWrongWithTheOtherParts) {
  EXPECT_EQ(json_error([](Json& j) { j["added_tokens"][0].erase("id"); }),
            "[tokenizer] tokenizer.json: added_tokens[0]: \"id\" is missing");
  EXPECT_EQ(json_error([](Json& j) { j["added_tokens"][0]["lstrip"] = "yes"; }),
            "[tokenizer] tokenizer.json: added_tokens[0]: \"lstrip\" is a string, expected true or false");
  EXPECT_EQ(
      json_error([](Json& j) { j["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "a("}}}}; }),
      "[tokenizer] tokenizer.json: pre_tokenizer: Split: regular expression, near byte 2: missing closing parenthesis");
  EXPECT_EQ(json_error([](Json& j) { j["pre_tokenizer"] = {{"type", "Split"}, {"pattern", 1}}; }),
            "[tokenizer] tokenizer.json: pre_tokenizer: Split: \"pattern\" is a number, expected {\"String\": …} or "
            "{\"Regex\": …}");
  EXPECT_EQ(json_error([](Json& j) { j["pre_tokenizer"] = {{"type", "Sequence"}}; }),
            "[tokenizer] tokenizer.json: pre_tokenizer: a Sequence needs an array \"pretokenizers\"");
  EXPECT_EQ(json_error([](Json& j) {
              j["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"x", 99}}, {"sep", {"x", 1}}};
            }),
            "[tokenizer] tokenizer.json: post_processor: id 99 is not in the vocabulary");
  EXPECT_EQ(
      json_error([](Json& j) {
        j["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"x", 4294967296}}, {"sep", {"x", 1}}};
      }),
      "[tokenizer] tokenizer.json: post_processor: BertProcessing: \"cls\": an id is 4294967296, expected a whole "
      "number from 0");
  EXPECT_EQ(json_error([](Json& j) {
              j["post_processor"] = {{"type", "TemplateProcessing"},
                                     {"single", {{{"SpecialToken", {{"id", "x"}}}}}},
                                     {"special_tokens", Json::object()}};
            }),
            "[tokenizer] tokenizer.json: post_processor: TemplateProcessing: the template names \"x\", which "
            "special_tokens does not have");
  EXPECT_EQ(json_error([](Json& j) { j["model"]["unk_token"] = "[UNK]"; }),
            "[tokenizer] tokenizer.json: unk_token \"[UNK]\" is not in the vocabulary");
  EXPECT_EQ(json_error([](Json& j) {
              Json deep = {{"type", "NFC"}};
              for (int i = 0; i < 20; ++i) deep = {{"type", "Sequence"}, {"normalizers", {deep}}};
              j["normalizer"] = deep;
            }),
            "[tokenizer] tokenizer.json: normalizer: nested deeper than 16");
}

TEST(UnsupportedTokenizerJson, NamesTheKind) {
  EXPECT_EQ(
      json_refusal([](Json& j) { j["model"]["type"] = "Trigram"; }),
      "[tokenizer] tokenizer.json: model type \"Trigram\" is not supported; supported are BPE, Unigram, WordPiece and "
      "WordLevel");
  EXPECT_EQ(json_refusal([](Json& j) { j["normalizer"] = {{"type", "Shout"}}; }),
            "[tokenizer] tokenizer.json: normalizer: \"Shout\" is not supported");
  EXPECT_EQ(json_refusal([](Json& j) { j["pre_tokenizer"] = {{"type", "Syllables"}}; }),
            "[tokenizer] tokenizer.json: pre_tokenizer: \"Syllables\" is not supported");
  EXPECT_EQ(json_refusal([](Json& j) { j["decoder"] = {{"type", "Whisper"}}; }),
            "[tokenizer] tokenizer.json: decoder: \"Whisper\" is not supported");
  EXPECT_EQ(json_refusal([](Json& j) { j["normalizer"] = {{"type", "two\nlines"}}; }),
            "[tokenizer] tokenizer.json: normalizer: \"two\\x0alines\" is not supported");
}

TEST(MalformedTokenizerJson, SaysWhatIsWrongWithAUnigramModel) {
  const auto error_of = [](const Json& model) { return json_error([&](Json& j) { j["model"] = model; }); };
  EXPECT_EQ(error_of({{"type", "Unigram"}, {"vocab", {{"a", 0}}}}),
            "[tokenizer] tokenizer.json: model.vocab is an object, expected an array of [token, score]");
  EXPECT_EQ(error_of({{"type", "Unigram"}, {"vocab", Json::array({"a"})}}),
            "[tokenizer] tokenizer.json: model.vocab[0]: found a string, expected [\"token\", score]");
  EXPECT_EQ(error_of({{"type", "Unigram"}, {"unk_id", 7}, {"vocab", Json::array({Json::array({"a", -1.5})})}}),
            "[tokenizer] tokenizer.json: model.unk_id is 7, expected 0 to 0");
}

TEST(MalformedTokenizerJson, SaysWhatIsWrongWithPrecompiledRules) {
  const auto error_of = [](const std::string& rules) {
    return json_error([&](Json& j) { j["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", rules}}; });
  };
  EXPECT_EQ(error_of("a?=="),
            "[tokenizer] tokenizer.json: normalizer: Precompiled: precompiled_charsmap is not base64");
  EXPECT_EQ(error_of("/wAAAA=="),
            "[tokenizer] tokenizer.json: normalizer: Precompiled: the rules are 4 bytes, of which "
            "the trie is said to take 255; is the file truncated?");
}

TEST(MalformedSentencePieceModel, SaysWhereItEnds) {
  const auto error_of = [](const std::string& bytes) {
    return message_of<FormatError>([&] { parse_sentencepiece_file(bytes, "tokenizer.model", {}); });
  };
  EXPECT_EQ(error_of(""), "[tokenizer] tokenizer.model: holds no pieces; is it a SentencePiece model?");
  EXPECT_EQ(error_of("\x0a\x05\x0a\x01"),
            "[tokenizer] tokenizer.model: ends inside field 1, which takes 5 bytes, of "
            "which 2 are there; is the file truncated?");
  EXPECT_EQ(error_of("\x0b"), "[tokenizer] tokenizer.model: field 1 is of wire type 3, expected 0, 1, 2 or 5");
}

TEST(MalformedTiktoken, NamesTheLine) {
  EXPECT_NE(folder_error({{"cl100k_base.tiktoken", "YQ== 0\nYg 1\n"}})
                .find("cl100k_base.tiktoken:2: \"Yg 1\" is no line of a tiktoken file, expected \"base64 rank\""),
            std::string::npos);
  EXPECT_NE(folder_error({{"cl100k_base.tiktoken", "YQ== 0\nYg== 0\n"}}).find(":2: rank 0 is given twice"),
            std::string::npos);
}

TEST(UnsupportedTokenizerJson, NamesSettingsThatItDoesNotKnowUnlessTheyAreOff) {
  const auto refuses = [](const auto& change, const std::string& found) {
    const std::string message = json_refusal(change);
    EXPECT_TRUE(message.find(found) != std::string::npos) << message;
  };
  refuses([](Json& j) { j["model"]["dropout"] = 0.1; }, "model: \"dropout\" is 0.1");
  refuses([](Json& j) { j["pre_tokenizer"]["pattern"] = "x"; }, "pre_tokenizer: ByteLevel: \"pattern\" is \"x\"");
  refuses([](Json& j) { j["normalizer"] = {{"type", "NFC"}, {"form", "strict"}}; }, "normalizer: NFC: \"form\"");
  refuses([](Json& j) { j["added_tokens"][0]["trainable"] = true; }, "added_tokens[0]: \"trainable\" is true");
  refuses([](Json& j) { j["stemmer"] = "porter"; }, "tokenizer.json: \"stemmer\" is \"porter\"");
  Json off = tiny::byte_level_json();
  off["stemmer"] = nullptr;
  off["model"]["dropout"] = 0.0;
  off["model"]["end_of_word_suffix"] = "";
  off["pre_tokenizer"]["trim_offsets"] = true;
  EXPECT_EQ(tiny::open(off)->encode("ab", false), TokenIds{4});
}

TEST(MalformedVocabFiles, NameFileAndLine) {
  const std::string vocab = R"({"t": 0, "h": 1, "e": 2, "th": 3})";
  EXPECT_EQ(folder_error({{"vocab.json", vocab}, {"merges.txt", "#version: 0.2\nt h\nth e x\n"}}),
            "[tokenizer] merges.txt:3: \"th e x\" has 3 fields, expected 2");
  EXPECT_EQ(folder_error({{"vocab.json", vocab}, {"merges.txt", "th\n"}}),
            "[tokenizer] merges.txt:1: \"th\" has 1 field, expected 2");
  EXPECT_EQ(folder_error({{"vocab.json", vocab}, {"merges.txt", "t e\n"}}),
            "[tokenizer] merges.txt:1: \"te\" is not in the vocabulary");
  EXPECT_EQ(folder_error({{"vocab.json", "{\"t\": 1.5}"}, {"merges.txt", ""}}),
            "[tokenizer] vocab.json: token \"t\" has a number for an id, expected an integer");
  EXPECT_EQ(folder_error({{"vocab.txt", "[UNK]\n\n[CLS]\n"}}),
            "[tokenizer] vocab.txt:2: the line is empty, expected a token");
  EXPECT_EQ(folder_error({{"vocab.txt", "[UNK]\n[CLS]\n"}}),
            "[tokenizer] vocab.txt: special token \"[SEP]\" is not in the vocabulary");
  EXPECT_EQ(folder_error({{"vocab.txt", ""}}), "[tokenizer] vocab.txt: holds no tokens");
}

TEST(MalformedGgufTokenizer, NamesTheKeyAndThePlace) {
  EXPECT_EQ(gguf_error([](auto& m) { m["tokenizer.ggml.token_type"] = {std::vector<int64_t>{1}}; },
                       tiny::byte_level_metadata()),
            "model.gguf: tokenizer.ggml.token_type has 1 entries, tokenizer.ggml.tokens 7");
  EXPECT_EQ(gguf_error([](auto& m) { m["tokenizer.ggml.merges"] = {std::vector<std::string_view>{"a b", "ab"}}; },
                       tiny::byte_level_metadata()),
            "model.gguf: tokenizer.ggml.merges[1]: \"ab\" has 1 field, expected 2");
  EXPECT_EQ(gguf_error([](auto& m) { m["tokenizer.ggml.merges"] = {std::vector<std::string_view>{"a x"}}; },
                       tiny::byte_level_metadata()),
            "model.gguf: tokenizer.ggml.merges[0]: \"x\" is not in the vocabulary");
  EXPECT_EQ(gguf_error([](auto& m) { m["tokenizer.ggml.bos_token_id"] = {int64_t(7)}; }, tiny::byte_level_metadata()),
            "model.gguf: tokenizer.ggml.bos_token_id is 7, expected 0 to 6");
  EXPECT_EQ(gguf_error([](auto& m) { m["tokenizer.ggml.scores"] = {std::vector<double>{1}}; },
                       tiny::sentencepiece_metadata()),
            "model.gguf: tokenizer.ggml.scores has 1 entries, tokenizer.ggml.tokens 266");
  EXPECT_EQ(gguf_error(
                [](auto& m) {
                  auto scores = std::get<std::vector<double>>(m["tokenizer.ggml.scores"].value);
                  scores[4] = std::numeric_limits<double>::quiet_NaN();
                  m["tokenizer.ggml.scores"] = {scores};
                },
                tiny::sentencepiece_metadata()),
            "model.gguf: the score of token 4 is not a number");
  EXPECT_EQ(gguf_error(
                [](auto& m) {
                  auto types = std::get<std::vector<int64_t>>(m["tokenizer.ggml.token_type"].value);
                  types[4] = 6;
                  m["tokenizer.ggml.token_type"] = {types};
                },
                tiny::sentencepiece_metadata()),
            "model.gguf: byte token 4 is named \"a\", expected <0x00> to <0xFF>");
  EXPECT_EQ(gguf_error(
                [](auto& m) {
                  auto types = std::get<std::vector<int64_t>>(m["tokenizer.ggml.token_type"].value);
                  types[4] = 9;
                  m["tokenizer.ggml.token_type"] = {types};
                },
                tiny::sentencepiece_metadata()),
            "model.gguf: token 4 is of type 9, expected 1 to 6");
  EXPECT_EQ(gguf_error(
                [](auto& m) {
                  auto types = std::get<std::vector<int64_t>>(m["tokenizer.ggml.token_type"].value);
                  types[20] = 1;
                  m["tokenizer.ggml.token_type"] = {types};
                },
                tiny::sentencepiece_metadata()),
            "model.gguf: there are byte tokens, but none for byte 10");
  EXPECT_NE(gguf_error([](auto& m) { m.erase("tokenizer.ggml.merges"); }, tiny::byte_level_metadata())
                .find("tokenizer.ggml.merges"),
            std::string::npos);
  EXPECT_NE(gguf_error([](auto& m) { m["tokenizer.ggml.tokens"] = {std::string("a")}; }, tiny::byte_level_metadata())
                .find("tokenizer.ggml.tokens"),
            std::string::npos);
}

TEST(UnsupportedGgufTokenizer, NamesTheKind) {
  TempDir dir;
  auto metadata = tiny::byte_level_metadata();
  metadata["tokenizer.ggml.pre"] = {std::string("gemma9")};
  EXPECT_NE(message_of<ConfigError>([&] {
              tiny::open(dir, metadata);
            }).find("pre-tokenizer \"gemma9\" (tokenizer.ggml.pre) is not supported"),
            std::string::npos);
  metadata["tokenizer.ggml.model"] = {std::string("rwkv")};
  EXPECT_NE(message_of<ConfigError>([&] { tiny::open(dir, metadata); }).find("tokenizer kind \"rwkv\""),
            std::string::npos);
  metadata.erase("tokenizer.ggml.model");
  EXPECT_NE(message_of<ConfigError>([&] { tiny::open(dir, metadata); }).find("holds no tokenizer"), std::string::npos);
}

TEST(OpenTokenizer, SaysWhatItLooksForInAFolder) {
  TempDir dir;
  EXPECT_NE(
      message_of<ConfigError>([&] { open_tokenizer(dir.path()); }).find("no tokenizer here; expected tokenizer.json"),
      std::string::npos);
  EXPECT_NE(message_of<IoError>([&] { open_tokenizer(dir.path() / "absent"); }).find("no such file or folder"),
            std::string::npos);
  EXPECT_NE(message_of<ConfigError>([&] { open_tokenizer(dir.write("x.bin", "abc")); }).find("is neither a GGUF file"),
            std::string::npos);
  dir.write("tokenizer.json", tiny::byte_level_json().dump());
  dir.write("tokenizer_config.json", "[1]");
  EXPECT_NE(message_of<FormatError>([&] {
              open_tokenizer(dir.path());
            }).find("tokenizer_config.json: is an array, expected an object"),
            std::string::npos);
}

TEST(HostileRegex, EndsInAnErrorRatherThanInHours) {
  const Regex regex("(?:a+)+$", "tokenizer.json");
  Regex::Span match{};
  const std::string text = std::string(5000, 'a') + "b";
  EXPECT_EQ(message_of<FormatError>([&] { regex.find(text, 0, match); }),
            "tokenizer.json: the regular expression takes too much work on a text of 5001 bytes");
}

}  // namespace
}  // namespace limpid
