#include "tests/support/real.h"

#include <gtest/gtest.h>

#include "tests/tokenizers/open_or_skip.h"

namespace limpid {
namespace {

using testing_support::for_each_golden_folder;
using testing_support::open_or_skip;
using testing_support::packaged_model_of;
using testing_support::pulled_model_dir;
using testing_support::Skipped;

TEST(TokenizersReal, PulledModelsGiveThePublishedIdsOfTheGoldenPrompts) {
  for_each_golden_folder({""}, "golden.json", [](const fs::path& golden) {
    const PackagedModel* model = packaged_model_of(golden);
    if (!model) throw Skipped("it is about a model that Limpid does not fetch");
    const auto tokenizer = open_or_skip(pulled_model_dir(model->name));
    size_t checked = 0;
    const Json file = read_json(golden / "golden.json");
    for (const Json& prompt : file["prompts"]) {
      if (!prompt.contains("ids")) continue;
      EXPECT_EQ(tokenizer->encode(prompt["text"].get<std::string>(), tokenizer->adds_bos()),
                prompt["ids"].get<TokenIds>())
          << prompt["text"];
      ++checked;
    }
    if (checked == 0) throw Skipped("its prompts have no ids");
  });
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
