#include <gtest/gtest.h>

#include "limpid/core/json.h"
#include "limpid/tokenizers/tokenizer.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::golden_dir;
using testing_support::pulled_model_dir;

// Any pulled model whose file the golden folder names by its hash would do; these two are what Limpid fetches.
void check_prompts(const fs::path& golden, const fs::path& model) {
  const auto tokenizer = open_tokenizer(model);
  size_t checked = 0;
  const Json file = read_json(golden);
  for (const Json& prompt : file["prompts"]) {
    if (!prompt.contains("ids")) continue;
    EXPECT_EQ(tokenizer->encode(prompt["text"].get<std::string>(), tokenizer->adds_bos()),
              prompt["ids"].get<TokenIds>())
        << prompt["text"];
    ++checked;
  }
  EXPECT_GT(checked, 0u) << golden;
}

TEST(TokenizersReal, GemmaGivesThePublishedIdsOfTheGoldenPrompts) {
  LIMPID_REQUIRE_PATH(golden_dir() / "gemma3" / "golden.json");
  LIMPID_REQUIRE_PATH(pulled_model_dir("gemma-3-270m"));
  check_prompts(golden_dir() / "gemma3" / "golden.json", pulled_model_dir("gemma-3-270m"));
}

TEST(TokenizersReal, GemmaTakesRunsOfSpacesAndLineEndsAsWholeTokens) {
  LIMPID_REQUIRE_PATH(pulled_model_dir("gemma-3-270m"));
  const auto gemma = open_tokenizer(pulled_model_dir("gemma-3-270m"));
  EXPECT_EQ(gemma->vocab_size(), 262144u);
  EXPECT_EQ(gemma->encode("\n\n", false), TokenIds{108});
  EXPECT_EQ(gemma->encode("   ", false), TokenIds{139});
  EXPECT_EQ(gemma->bos(), std::optional<TokenId>(2));
  EXPECT_EQ(gemma->eos(), std::optional<TokenId>(1));
  EXPECT_TRUE(gemma->adds_bos());
  EXPECT_EQ(gemma->find("<start_of_turn>"), std::optional<TokenId>(105));
  const std::string text = "Grüße aus Köln, 你好 🙂\n\n  x";
  EXPECT_EQ(gemma->decode(gemma->encode(text, true), true), text);
}

TEST(TokenizersReal, SmolLm2KnowsItsSpecialTokensAndTemplate) {
  LIMPID_REQUIRE_PATH(pulled_model_dir("smollm2-135m-instruct"));
  const auto smollm2 = open_tokenizer(pulled_model_dir("smollm2-135m-instruct"));
  EXPECT_EQ(smollm2->vocab_size(), 49152u);
  EXPECT_EQ(smollm2->bos(), std::optional<TokenId>(1));
  EXPECT_EQ(smollm2->eos(), std::optional<TokenId>(2));
  EXPECT_EQ(smollm2->find("<|im_end|>"), std::optional<TokenId>(2));
  EXPECT_FALSE(smollm2->adds_bos());
  EXPECT_TRUE(smollm2->is_special(0));
  EXPECT_NE(smollm2->chat_template().find("<|im_start|>"), std::string::npos);
  EXPECT_EQ(smollm2->encode("<|im_start|>", false), TokenIds{1});
}

}  // namespace
}  // namespace limpid
