#include "limpid/scorers/sentence_encoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/core/json.h"
#include "tests/support/tiny_encoder.h"

namespace limpid {
namespace {

using testing_support::TinyEncoder;
using Vectors = std::vector<std::vector<float>>;

class SentenceEncoderTest : public testing::Test {
 protected:
  SentenceEncoderTest() { tiny.write_vocabulary(); }
  std::shared_ptr<const SentenceEncoder> open() const { return open_sentence_encoder(tiny.path().string()); }
  TinyEncoder tiny;
};

Vectors embed(const std::shared_ptr<const SentenceEncoder>& encoder, const std::vector<std::string>& texts,
              int64_t tokens = kBatchTokens) {
  std::vector<TokenIds> ids;
  for (const std::string& text : texts) ids.push_back(encoder->encode(text));
  Embedding embedding(encoder, std::move(ids));
  while (!embedding.step(tokens)) {
  }
  return embedding.vectors();
}

const std::vector<std::string> kTexts = {"a good cat", "bad", "a bad bad dog . a dog . bad cats", "", "cats"};

TEST_F(SentenceEncoderTest, GivesATextTheSameVectorAloneAndInAListAndInPartsOfAnySize) {
  const auto encoder = open();
  const Vectors together = embed(encoder, kTexts);
  ASSERT_EQ(together.size(), kTexts.size());
  for (size_t i = 0; i < kTexts.size(); ++i) EXPECT_EQ(embed(encoder, {kTexts[i]})[0], together[i]) << kTexts[i];
  EXPECT_EQ(embed(encoder, kTexts, 1), together);
  EXPECT_NE(together[0], together[1]);
}

TEST_F(SentenceEncoderTest, GivesTheMeanOfTheLastStatesWithLength1) {
  const auto encoder = open();
  const auto below = tiny.open();
  EncoderBatch batch;
  batch.add(below->encode("a good cat", 16));
  const Tensor states = below->hidden(batch);
  double mean[TinyEncoder::D], squares = 0.0;
  for (int64_t d = 0; d < TinyEncoder::D; ++d) {
    mean[d] = states.select(1, d).to(torch::kFloat64).mean().item<double>();
    squares += mean[d] * mean[d];
  }
  const std::vector<float> vector = embed(encoder, {"a good cat"})[0];
  ASSERT_EQ(vector.size(), size_t(TinyEncoder::D));
  for (size_t d = 0; d < vector.size(); ++d) EXPECT_NEAR(vector[d], mean[d] / std::sqrt(squares), 1e-6);
}

TEST_F(SentenceEncoderTest, CountsTokensWithTheSpecialOnes) {
  const auto encoder = open();
  EXPECT_EQ(encoder->encode("a good cat").size(), 5u);
  EXPECT_EQ(encoder->encode("").size(), 2u);
  EXPECT_EQ(encoder->width(), TinyEncoder::D);
  EXPECT_EQ(encoder->vocab_size(), TinyEncoder::kVocabulary);
  EXPECT_EQ(encoder->name(), tiny.path().filename().string());
}

TEST_F(SentenceEncoderTest, ReadsNoMoreThanItsFolderSaysAndItsPositionsAllow) {
  EXPECT_EQ(open()->max_tokens(), TinyEncoder::kPositions);
  tiny.folder.write("sentence_bert_config.json", R"({"max_seq_length": 6})");
  const auto encoder = open();
  EXPECT_EQ(encoder->max_tokens(), 6);
  EXPECT_EQ(encoder->encode("a a a a a").size(), 7u) << "nothing is cut";
  EXPECT_NO_THROW(embed(encoder, {"a a a a"}));
  EXPECT_THROW(embed(encoder, {"a a a a a"}), ConfigError);
  tiny.folder.write("sentence_bert_config.json", R"({"max_seq_length": 4096})");
  EXPECT_EQ(open()->max_tokens(), TinyEncoder::kPositions);
  tiny.folder.write("sentence_bert_config.json", R"({"max_seq_length": 0})");
  EXPECT_THROW(open(), ConfigError);
}

TEST_F(SentenceEncoderTest, RefusesIdsThatAreNoneAndNothing) {
  const auto encoder = open();
  EXPECT_THROW(Embedding(encoder, {{}}), ConfigError);
  EXPECT_THROW(Embedding(encoder, {{TinyEncoder::kVocabulary}}), ShapeError);
  EXPECT_THROW(Embedding(encoder, {{-1}}), ShapeError);
  EXPECT_TRUE(Embedding(encoder, {}).step(1));
}

TEST_F(SentenceEncoderTest, RefusesAnotherPoolingThanTheMean) {
  fs::create_directory(tiny.path() / "1_Pooling");
  const auto with = [&](bool first, bool mean) {
    tiny.folder.write("1_Pooling/config.json",
                      to_text({{"pooling_mode_cls_token", first}, {"pooling_mode_mean_tokens", mean}}));
    return open();
  };
  EXPECT_NO_THROW(with(false, true));
  EXPECT_THROW(with(true, false), ConfigError);
  EXPECT_THROW(with(true, true), ConfigError);
}

TEST_F(SentenceEncoderTest, SaysThatItHasNoTokenizerOrIsNotThere) {
  EXPECT_THROW(open_sentence_encoder(TinyEncoder().path().string()), ConfigError);
  EXPECT_THROW(open_sentence_encoder("no/such/thing"), IoError);
}

TEST_F(SentenceEncoderTest, FailsOnNumbersThatLeaveFloat32) {
  for (auto& [name, tensor] : tiny.tensors)
    if (name == "bert.embeddings.word_embeddings.weight")
      std::fill_n(tensor.values.begin() + 5 * TinyEncoder::D, TinyEncoder::D, 3e38f);  // of the word "bad"
  tiny.write();
  const auto encoder = open();
  EXPECT_NO_THROW(embed(encoder, {"good"}));
  EXPECT_THROW(embed(encoder, {"bad"}), Error);
}

}  // namespace
}  // namespace limpid
