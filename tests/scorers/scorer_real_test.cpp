#include <gtest/gtest.h>

#include "limpid/checkpoints/model_store.h"
#include "limpid/scorers/scorer.h"
#include "limpid/scorers/sentence_encoder.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

const fs::path kEncoder = cache_dir() / "models" / "minilm-l6";

double real_score(const Scorer& scorer, const std::string& text) { return scorer.score(std::span(&text, 1))[0]; }

TEST(ScorerReal, ALongBenignBeginningHidesNothing) {
  LIMPID_REQUIRE_PATH(kEncoder / "model.safetensors");
  const auto scorer = open_scorer();
  std::string benign;
  for (int i = 0; i < 40; ++i) benign += "The baker opens at seven and sells bread, rolls and a cake with plums. ";
  const std::string rude = "You are a stupid, worthless idiot and everybody hates you.";
  EXPECT_LT(real_score(*scorer, benign), scorer->threshold());
  EXPECT_GT(real_score(*scorer, rude), scorer->threshold());
  for (const std::string& text : {benign + rude, rude + " " + benign, benign + rude + " " + benign})
    EXPECT_GT(real_score(*scorer, text), scorer->threshold()) << text.find(rude);
}

TEST(SentenceEncoderReal, LikeTextsHaveVectorsThatAreAlike) {
  LIMPID_REQUIRE_PATH(kEncoder / "model.safetensors");
  const auto encoder = open_sentence_encoder("minilm-l6");
  EXPECT_EQ(encoder->name(), "minilm-l6");
  EXPECT_EQ(encoder->width(), 384);
  EXPECT_EQ(encoder->max_tokens(), 256);
  Embedding embedding(encoder,
                      {encoder->encode("A man is eating food."), encoder->encode("A man is eating a piece of bread."),
                       encoder->encode("The girl is carrying a baby.")});
  while (!embedding.step(kBatchTokens)) {
  }
  const auto product = [&](size_t a, size_t b) {
    double sum = 0.0;
    for (size_t d = 0; d < 384; ++d) sum += double(embedding.vectors()[a][d]) * embedding.vectors()[b][d];
    return sum;
  };
  EXPECT_NEAR(product(0, 0), 1.0, 1e-6);
  EXPECT_GT(product(0, 1), 0.7);
  EXPECT_LT(product(0, 2), 0.2);
}

}  // namespace
}  // namespace limpid
