#include "limpid/tokenizers/chat.h"

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <set>

#include "limpid/core/json.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::golden_dir;
using testing_support::pulled_model_dir;

constexpr const char* kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

TEST(RenderChat, WritesChatMlTurns) {
  const std::vector<Turn> turns = {{"user", "Hi"}, {"assistant", "Hello!"}};
  EXPECT_EQ(render_chat(kChatMl, turns, true),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render_chat(kChatMl, {{"user", ""}}, false), "<|im_start|>user\n<|im_end|>\n");
}

TEST(RenderChat, RecognisesATemplateInAnotherSpelling) {
  const std::string spaced =
      "{%- for message in messages -%}\n    {{- \"<|im_start|>\" + message.role + \"\\n\" + message.content + "
      "\"<|im_end|>\\n\" -}}\n"
      "{%- endfor -%}\n{%- if add_generation_prompt -%}\n    {{- '<|im_start|>assistant\\n' -}}\n{%- endif -%}\n";
  EXPECT_EQ(render_chat(spaced, {{"user", "Hi"}}, true), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST(RenderChat, TakesTheDefaultSystemPromptFromTheTemplate) {
  const std::string source =
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe "
      "brief.<|im_end|>\n' }}"
      "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  EXPECT_EQ(render_chat(source, {{"user", "Hi"}}, false),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n");
  EXPECT_EQ(render_chat(source, {{"system", "Rhyme."}}, false), "<|im_start|>system\nRhyme.<|im_end|>\n");
}

// A line end outside the tags is text that the model would see; such a template is another one.
TEST(RenderChat, RefusesATemplateThatOnlyLooksLikeAKnownOne) {
  std::string other = kChatMl;
  other.insert(other.find("{% endfor"), "\n");
  EXPECT_THROW(render_chat(other, {{"user", "Hi"}}, true), ConfigError);
  EXPECT_THROW(render_chat("{{ messages }}", {{"user", "Hi"}}, true), ConfigError);
  EXPECT_THROW(render_chat("{% for", {{"user", "Hi"}}, true), ConfigError);
  EXPECT_THROW(render_chat("{{ 'x", {{"user", "Hi"}}, true), ConfigError);
  EXPECT_THROW(render_chat(kChatMl, {}, true), ConfigError);
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
  size_t rendered = 0;
  std::set<std::string> skipped;
  for_each_jsonl(file, [&](const Json& row, size_t line) {
    const auto name = row["name"].get<std::string>();
    const auto source = row["source"].get<std::string>();
    std::vector<Turn> turns;
    for (const Json& message : row["messages"])
      turns.push_back({message.value("role", ""), message.value("content", "")});
    SCOPED_TRACE(testing::Message() << "chat_templates.jsonl:" << line << " " << name);
    try {
      const std::string text =
          render_chat(source, turns, row["add_generation_prompt"].get<bool>(), row["bos_token"].get<std::string>());
      ++rendered;
      EXPECT_EQ(Json(text), row["rendered"]);
    } catch (const ConfigError& error) {
      const std::string message = error.what();
      if (message.find("none that is built in") != std::string::npos) {
        skipped.insert(name);
        return;
      }
      ++rendered;
      EXPECT_EQ(Json(message.substr(message.find("] ") + 2)), row["error"]);
    }
  });
  for (const std::string& name : skipped) std::cout << "skipped: template " << name << " is not built in\n";
  EXPECT_GT(rendered, 0u);
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
