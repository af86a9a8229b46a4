#include "limpid/tokenizers/chat.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "limpid/core/json.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "tests/support/fixtures.h"
#include "tests/tokenizers/tiny.h"

namespace limpid {
namespace {

using testing_support::golden_dir;
using testing_support::pulled_model_dir;

constexpr const char* kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

std::string rendered(const std::string& source, const std::vector<Turn>& turns, bool add_generation_prompt) {
  ChatVariables variables = {{"messages", ChatVariables::array()}, {"add_generation_prompt", add_generation_prompt}};
  for (const Turn& turn : turns) variables["messages"].push_back({{"role", turn.role}, {"content", turn.content}});
  return render_chat(source, std::move(variables));
}

TEST(RenderChat, WritesChatMlTurns) {
  const std::vector<Turn> turns = {{"user", "Hi"}, {"assistant", "Hello!"}};
  EXPECT_EQ(rendered(kChatMl, turns, true),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(rendered(kChatMl, {{"user", ""}}, false), "<|im_start|>user\n<|im_end|>\n");
}

TEST(RenderChat, ToolsAndDocumentsAreNoneWhereNobodyGivesThem) {
  EXPECT_EQ(render_chat("{{ tools }} {{ documents is none }} {{ bos_token }}|", {}), "None True |");
  EXPECT_EQ(render_chat("{{ tools }}", {{"tools", {1, 2}}}), "[1, 2]");
}

TEST(RenderChat, SaysWhatIsWrongWithATemplate) {
  EXPECT_THROW(rendered("{% for", {{"user", "Hi"}}, true), FormatError);
  EXPECT_THROW(rendered("{{ messages[0].name.first }}", {{"user", "Hi"}}, true), ConfigError);
}

TEST(RenderChat, TakesATemplateThatIsGivenOnlyAsAText) {
  const auto tokenizer = tiny::open(tiny::byte_level_json());
  EXPECT_EQ(render_chat(*tokenizer, {{"chat_template", "t"}}), "t");
  EXPECT_THROW(render_chat(*tokenizer, {{"chat_template", 5}}), FormatError);
  EXPECT_THROW(render_chat(*tokenizer, {{"chat_template", nullptr}}), ConfigError) << "there is none";
}

TEST(ChatTemplateFiles, AreReadFromWhereverModelsKeepThem) {
  const auto template_of = [](std::initializer_list<std::pair<const char*, const char*>> files) {
    const testing_support::TempDir folder;
    for (const auto& [name, content] : files) folder.write(name, content);
    return read_tokenizer_config(folder.path()).chat_template;
  };
  EXPECT_EQ(template_of({{"tokenizer_config.json", R"({"chat_template": "a"})"}}), "a");
  EXPECT_EQ(template_of({{"tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "r"},
                          {"name": "default", "template": "d"}]})"}}),
            "d");
  EXPECT_EQ(template_of({{"tokenizer_config.json", R"({"chat_template": {"rag": "r", "default": "d"}})"}}), "d");
  EXPECT_EQ(template_of({{"chat_template.json", R"({"chat_template": "j"})"}}), "j");
  EXPECT_EQ(template_of({{"chat_template.jinja", "file"}, {"tokenizer_config.json", R"({"chat_template": "a"})"}}),
            "file");
  EXPECT_EQ(template_of({{"tokenizer_config.json", "{}"}}), "");
}

TEST(ParseConversation, ReadsRolesAndContents) {
  const std::vector<Turn> turns = parse_conversation(
      R"([{"role": "system", "content": ""}, {"content": "Hi\nthere", "role": "user", "name": "Ann"}])", "m.json");
  ASSERT_EQ(turns.size(), 2u);
  EXPECT_EQ(turns[0].role, "system");
  EXPECT_EQ(turns[0].content, "");
  EXPECT_EQ(turns[1].role, "user");
  EXPECT_EQ(turns[1].content, "Hi\nthere");
}

TEST(ParseConversation, SaysWhereAndWhatIsWrong) {
  const std::map<std::string, std::string> cases = {
      {"", "m.json: not valid JSON at byte 1"},
      {R"({"role": "user"})", "m.json: found an object, expected a list of {\"role\""},
      {"[]", "m.json: the list is empty"},
      {R"(["Hi"])", "m.json: message 1: found a string, expected {\"role\""},
      {R"([{"role": "user", "content": "a"}, {"role": "user"}])", "m.json: message 2: \"content\" is missing"},
      {R"([{"role": "user", "content": ["a"]}])", "message 1: \"content\" is an array, expected a string"},
      {R"([{"role": 3, "content": "a"}])", "message 1: \"role\" is a number, expected a string"},
      {R"([{"role": "u\n", "content": "a"}])", "message 1: \"role\" is \"u\\x0a\", expected system, user or assistant"},
      {R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])", "message 2, the last, is the "},
  };
  for (const auto& [json, expected] : cases) {
    try {
      parse_conversation(json, "m.json");
      ADD_FAILURE() << json;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
    }
  }
}

TEST(ChatTemplatesGolden, RenderAsTransformersDoes) {
  const fs::path file = golden_dir() / "tokenizers" / "chat_templates.jsonl";
  LIMPID_REQUIRE_PATH(file);
  std::istringstream lines(read_file(file));
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ChatVariables row = ChatVariables::parse(line);
    SCOPED_TRACE(testing::Message() << "chat_templates.jsonl:" << ++number << " " << row.value("name", ""));
    const auto source = row["source"].get<std::string>();
    const ChatVariables expected = row["rendered"], refusal = row["error"];
    for (const char* no_variable : {"name", "source", "rendered", "error"}) row.erase(no_variable);
    try {
      EXPECT_EQ(ChatVariables(render_chat(source, row)), expected);
    } catch (const Error& error) {
      EXPECT_TRUE(refusal.is_string()) << error.what();
    }
  }
  EXPECT_GT(number, 0u);
}

Json with_specials(Json tokenizer, std::initializer_list<Json> tokens) {
  for (Json token : tokens) {
    token["special"] = true;
    tokenizer["added_tokens"].push_back(std::move(token));
  }
  return tokenizer;
}

TEST(EncodeChat, SpecialTokensTakeTheWhiteSpaceThatTheirFileSays) {
  const Json json = with_specials(tiny::byte_level_json(), {{{"id", 7}, {"content", "<r>"}, {"rstrip", true}},
                                                            {{"id", 8}, {"content", "<l>"}, {"lstrip", true}},
                                                            {{"id", 9}, {"content", "<w>"}, {"single_word", true}}});
  const auto tokenizer = tiny::open(json);
  EXPECT_EQ(encode_chat(*tokenizer, "<r> ab <l> ab<e>"), (TokenIds{7, 4, 8, 5, 6}));
  EXPECT_EQ(encode_chat(*tokenizer, "a<w>ab"), tokenizer->encode("a<w>ab", false));
}

TEST(EncodeChat, TextBehindASpecialTokenIsNotTheStartOfAText) {
  Json json = with_specials(tiny::byte_level_json(), {});
  json["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "Ġ"}, {"prepend_scheme", "first"}, {"split", false}};
  json["decoder"] = nullptr;
  EXPECT_EQ(encode_chat(*tiny::open(json), "ab<e>ab"), (TokenIds{5, 6, 4}));
}

TEST(EncodeChat, FindsSpecialTokensThatTheTokenizerTakesForText) {
  const testing_support::TempDir dir;
  const auto tokenizer = tiny::open(dir, tiny::sentencepiece_metadata());
  EXPECT_EQ(encode_chat(*tokenizer, "<s>ab</s>a"), (TokenIds{1, 7, 5, 2, 7}));
  EXPECT_NE(tokenizer->encode("<s>", false), TokenIds{1});
}

TEST(ChatReal, SmolLm2IsAskedInItsOwnTurns) {
  LIMPID_REQUIRE_PATH(pulled_model_dir("smollm2-135m-instruct"));
  const auto smollm2 = open_tokenizer(pulled_model_dir("smollm2-135m-instruct"));
  const std::string text = render_chat(*smollm2, {{"user", "Hi"}}, true);
  EXPECT_EQ(text,
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  const TokenIds ids = encode_chat(*smollm2, text);
  EXPECT_EQ(ids, smollm2->encode(text, false));
  EXPECT_EQ(ids.front(), 1);
}

TEST(ChatReal, GemmaTurnsAreTokensThoughItsVocabularyReadsThemAsText) {
  LIMPID_REQUIRE_PATH(pulled_model_dir("gemma-3-270m"));
  const auto gemma = open_tokenizer(pulled_model_dir("gemma-3-270m"));
  EXPECT_THROW(render_chat(*gemma, {{"user", "Hi"}}, true), ConfigError);  // the base model has no template
  const TokenIds ids = encode_chat(*gemma, "<bos><start_of_turn>user\nHi<end_of_turn>\n");
  ASSERT_EQ(ids.size(), 7u);
  EXPECT_EQ(ids[0], 2);
  EXPECT_EQ(ids[1], 105);
  EXPECT_EQ(ids[5], 106);
  EXPECT_EQ(ids[6], 107);
}

}  // namespace
}  // namespace limpid
