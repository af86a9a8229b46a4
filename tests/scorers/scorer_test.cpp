#include "limpid/scorers/scorer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "limpid/scorers/known_windows.h"
#include "limpid/scorers/scorer_encoder.h"
#include "tests/support/tiny_encoder.h"

namespace limpid {
namespace {

using testing_support::TinyEncoder;

TEST(EmptyText, IsNothingOrWhiteSpace) {
  for (const char* text : {"", " ", "\n\t ", "\xc2\xa0"}) EXPECT_TRUE(is_empty_text(text)) << '"' << text << '"';
  for (const char* text : {"a", " .", "\xc2", "\xc3\xa0"}) EXPECT_FALSE(is_empty_text(text)) << '"' << text << '"';
}

TEST(ScorerSpec, ReadsAPathWithSettings) {
  const ScorerSpec plain = ScorerSpec::parse("some/folder");
  EXPECT_EQ(plain.path, "some/folder");
  EXPECT_FALSE(plain.threshold);
  const ScorerSpec spec = ScorerSpec::parse("folder?label=hate&threshold=0.25&precision=exact");
  EXPECT_EQ(spec.path, "folder");
  EXPECT_EQ(spec.label, "hate");
  EXPECT_EQ(*spec.threshold, 0.25);
  EXPECT_EQ(spec.precision, kernels::Precision::Exact);
  EXPECT_EQ(ScorerSpec::parse("?precision=int8").path, "");
  for (const char* wrong :
       {"f?threshold=2", "f?threshold=", "f?threshold=0.1x", "f?colour=red", "f?precision=fp8", "f?"})
    EXPECT_THROW(ScorerSpec::parse(wrong), ConfigError) << wrong;
}

TEST(ToxicLabel, IsFoundByItsName) {
  EXPECT_EQ(toxic_label({"neutral", "toxic"}, "", "m"), 1u);
  EXPECT_EQ(toxic_label({"toxic", "non-toxic"}, "", "m"), 0u);
  EXPECT_EQ(toxic_label({"not_toxic", "is_toxic"}, "", "m"), 1u);
  EXPECT_EQ(toxic_label({"severe_toxicity", "obscene", "toxicity"}, "", "m"), 2u);
  EXPECT_EQ(toxic_label({"LABEL_0", "LABEL_1"}, "", "m"), 1u);
  EXPECT_EQ(toxic_label({"score"}, "", "m"), 0u);
}

TEST(ToxicLabel, IsTheOneThatWasAskedFor) {
  EXPECT_EQ(toxic_label({"hate", "nothate"}, "hate", "m"), 0u);
  EXPECT_EQ(toxic_label({"a", "b", "c"}, "2", "m"), 2u);
  EXPECT_THROW(toxic_label({"a", "b"}, "d", "m"), ConfigError);
}

TEST(ToxicLabel, IsAskedForWhenItCannotBeTold) {
  EXPECT_THROW(toxic_label({"joy", "anger", "fear"}, "", "m"), ConfigError);
  EXPECT_THROW(toxic_label({"hate", "nothate"}, "", "m"), ConfigError) << "the second of two is a negation";
  EXPECT_THROW(toxic_label({"mildly toxic", "very toxic"}, "", "m"), ConfigError);
}

/// A head on the tiny encoder: weights[d] reads value d of the last layer's mean.
fs::path write_head(const TinyEncoder& tiny, std::vector<float> weights) {
  ScorerFile file;
  file.encoder_name = tiny.path().string();
  file.encoder_sha256 = encoder_weights_sha256(tiny.path());
  file.vocab_sha256 = vocab_sha256(*tiny.open()->tokenizer());
  file.features = {{2}, 12};
  file.weights = std::move(weights);
  file.threshold = 0.3;
  const fs::path path = tiny.path() / "head.safetensors";
  file.write(path);
  return path;
}

const std::vector<float> kWeights = {1, -1, 2, 0, 3, -2, 1, 0.5};

class OpenScorer : public testing::Test {
 protected:
  OpenScorer() { tiny.write_vocabulary(); }
  TinyEncoder tiny;
};

TEST_F(OpenScorer, GivesTheSameScoreAloneAndAmongOthersInTheOrderGiven) {
  const std::vector<std::string> texts = {"a good cat", "",     "bad", "a bad bad dog . a dog . bad cats",
                                          "  \n",       "cats", "bad"};
  for (const std::string& spec : {write_head(tiny, kWeights).string(), tiny.path().string()}) {
    for (const char* precision : {"?precision=exact", "?precision=bf16"}) {
      SCOPED_TRACE(spec + precision);
      const auto scorer = open_scorer(spec + precision);
      const std::vector<double> together = scorer->score(texts);
      ASSERT_EQ(together.size(), texts.size());
      for (size_t i = 0; i < texts.size(); ++i)
        EXPECT_EQ(scorer->score(std::span(&texts[i], 1))[0], together[i]) << "text " << i;
      EXPECT_EQ(together[1], 0.0) << "an empty text is not toxic by definition";
      EXPECT_EQ(together[4], 0.0);
      EXPECT_EQ(together[2], together[6]);
      EXPECT_GT(together[0], 0.0);
      EXPECT_NE(together[0], together[2]);
    }
  }
}

TEST_F(OpenScorer, ATextWhoseNumbersLeaveFloat32HasNoScoreAndTheOthersKeepTheirs) {
  const std::vector<std::string> texts = {"a good cat", "bad", "dog"};
  const auto scores_with = [&](const std::vector<float>& head) {
    std::vector<std::vector<double>> all;
    for (const std::string& spec : {write_head(tiny, head).string(), tiny.path().string() + "?precision=exact"})
      all.push_back(open_scorer(spec)->score(texts));
    return all;
  };
  const auto before = scores_with(kWeights);
  for (auto& [name, tensor] : tiny.tensors)
    if (name == "bert.embeddings.word_embeddings.weight")
      std::fill_n(tensor.values.begin() + 5 * TinyEncoder::D, TinyEncoder::D, 3e38f);  // of the word "bad"
  tiny.write();
  const auto after = scores_with(kWeights);
  for (size_t kind : {0, 1}) {
    EXPECT_EQ(after[kind][0], before[kind][0]);
    EXPECT_TRUE(std::isnan(after[kind][1])) << after[kind][1];
    EXPECT_EQ(after[kind][2], before[kind][2]);
  }
  const auto scorer = open_scorer(tiny.path().string());
  EXPECT_THROW(all_scores(*scorer, texts), Error);
  EXPECT_EQ(all_scores(*scorer, std::span(texts).first(1)).size(), 1u);
}

TEST(ScorerFileScore, OfWhatIsNoNumberIsNoNumberAlsoBehindAHiddenLayer) {
  ScorerFile file;
  file.weights = {1.0f};
  const float nan = NAN, huge = 3e38f;
  EXPECT_TRUE(std::isnan(file.score(&nan)));
  file.hidden_weight = {1.0f};
  file.hidden_bias = {0.0f};
  EXPECT_TRUE(std::isnan(file.score(&nan))) << "the activation must not make zero of it";
  EXPECT_EQ(file.score(&huge), 1.0);
}

TEST_F(OpenScorer, HeadReadsTheNormalisedMeanOfItsStage) {
  const auto scorer = open_scorer(write_head(tiny, kWeights).string() + "?precision=exact");
  const auto encoder = tiny.open();
  EncoderBatch batch;
  batch.add(encoder->encode("a good cat", 12));
  const Tensor mean = mean_pool(batch, encoder->hidden(batch), true);
  double z = 0.0;
  for (int d = 0; d < 8; ++d) z += double(kWeights[size_t(d)]) * mean[0][d].item<float>();
  const std::string text = "a good cat";
  EXPECT_NEAR(scorer->score(std::span(&text, 1))[0], 1.0 / (1.0 + std::exp(-z)), 1e-12);
  EXPECT_EQ(scorer->threshold(), 0.3);
  EXPECT_EQ(open_scorer(write_head(tiny, kWeights).string() + "?threshold=0.7")->threshold(), 0.7);
}

/// Returns `words` words, one token each.
std::string repeated(const std::string& word, size_t words) {
  std::string text = word;
  for (size_t i = 1; i < words; ++i) text += " " + word;
  return text;
}

double score_of(const Scorer& scorer, const std::string& text) { return scorer.score(std::span(&text, 1))[0]; }

/// The head reads 12 tokens, of which 2 are special: windows of 10 words that begin 5 words apart.
TEST_F(OpenScorer, ALongTextHasTheHighestScoreOfItsWindows) {
  const auto scorer = open_scorer(write_head(tiny, kWeights));
  const std::string text = repeated("cat", 7) + " bad dog " + repeated("good", 9);  // 18 words: at 0, 5 and 10
  const std::vector<std::string> windows = {repeated("cat", 7) + " bad dog good",
                                            "cat cat bad dog " + repeated("good", 6), repeated("good", 8)};
  const std::vector<double> scores = scorer->score(windows);
  EXPECT_EQ(score_of(*scorer, text), *std::max_element(scores.begin(), scores.end()));
}

TEST_F(OpenScorer, ABenignBeginningHidesNothing) {
  for (float sign : {1.0f, -1.0f}) {  // one of which holds "bad" for worse than "good"
    std::vector<float> weights = kWeights;
    for (float& weight : weights) weight *= sign;
    const auto scorer = open_scorer(write_head(tiny, weights));
    const double rude = score_of(*scorer, repeated("bad", 10));
    EXPECT_GE(score_of(*scorer, repeated("good", 40) + " " + repeated("bad", 14)), rude);
    EXPECT_GE(score_of(*scorer, repeated("bad", 10) + " " + repeated("good", 40)), rude);
  }
}

TEST_F(OpenScorer, GivesTheSameScoresInPartsOfAnySize) {
  const std::vector<std::string> texts = {"a good cat", repeated("bad", 33), "", "dogs", repeated("good cat", 30)};
  for (const std::string& spec : {write_head(tiny, kWeights).string(), tiny.path().string()}) {
    const auto scorer = open_scorer(spec);
    const std::vector<double> whole = scorer->score(texts);
    for (int64_t tokens : {1, 12, 30, 4096}) {
      const auto scoring = scorer->begin(texts);
      size_t steps = 1;
      for (; !scoring->step(tokens); ++steps) ASSERT_LT(steps, 100u);
      EXPECT_EQ(scoring->scores(), whole) << tokens;
      EXPECT_TRUE(tokens > 1 || steps > 10) << "a window at a time";
      EXPECT_TRUE(scoring->step(tokens)) << "what is done stays done";
      EXPECT_EQ(scoring->scores(), whole);
    }
  }
  EXPECT_TRUE(open_scorer(tiny.path().string())->begin({})->step(1));
}

TEST_F(OpenScorer, ALongTextOfWhichOneWindowHasNoScoreHasNone) {
  for (auto& [name, tensor] : tiny.tensors)
    if (name == "bert.embeddings.word_embeddings.weight")
      std::fill_n(tensor.values.begin() + 5 * TinyEncoder::D, TinyEncoder::D, 3e38f);  // of the word "bad"
  tiny.write();
  const auto scorer = open_scorer(write_head(tiny, kWeights));
  EXPECT_TRUE(std::isnan(score_of(*scorer, repeated("cat", 30) + " bad " + repeated("cat", 30))));
  EXPECT_FALSE(std::isnan(score_of(*scorer, repeated("cat", 60))));
}

TEST_F(OpenScorer, AGrowingTextWhoseWindowsAreKnownHasTheSameScoresAndIsReadAtItsEndOnly) {
  const auto scorer = open_scorer(write_head(tiny, kWeights));
  KnownWindows known;
  std::string text = "bad";
  for (size_t words = 1; words < 60; ++words) {
    const auto scoring = scorer->begin({text}, &known);
    size_t parts = 1;
    for (; !scoring->step(1); ++parts) ASSERT_LT(parts, 3u) << words;
    EXPECT_EQ(scoring->scores()[0], score_of(*scorer, text)) << words;
    text += words % 7 == 0 ? " bad" : " good";
  }
  EXPECT_LE(known.size(), 10u) << "windows of 10 words that begin 5 words apart, but for the last";
  EXPECT_GT(known.size(), 5u);
}

TEST(KnownWindows, ForgetsTheOldest) {
  KnownWindows known(2);
  known.add({1}, 0.1);
  known.add({2}, 0.2);
  known.add({1}, 0.1);
  known.add({3}, 0.3);
  EXPECT_FALSE(known.find({1}));
  EXPECT_EQ(known.find({2}), 0.2);
  EXPECT_EQ(known.find({3}), 0.3);
}

/// Scores by length, whole texts only.
class LengthScorer final : public Scorer {
 public:
  std::vector<double> score(std::span<const std::string> texts) const override {
    std::vector<double> scores;
    for (const std::string& text : texts) scores.push_back(double(text.size()) / 10.0);
    return scores;
  }
  std::string name() const override { return "length"; }
  double threshold() const override { return 0.5; }
  Json describe() const override { return {}; }
};

TEST(Scorer, ThatDoesNotWorkInPartsScoresAllTextsInOneStep) {
  const LengthScorer scorer;
  const auto scoring = scorer.begin({"a", "abc"});
  EXPECT_TRUE(scoring->step(1));
  EXPECT_EQ(scoring->scores(), (std::vector<double>{0.1, 0.3}));
}

TEST_F(OpenScorer, ClassifierGivesTheProbabilityOfTheToxicLabel) {
  const auto scorer = open_scorer(tiny.path().string() + "?precision=exact");
  const auto other = open_scorer(tiny.path().string() + "?precision=exact&label=fine");
  const std::string text = "a bad dog";
  EXPECT_NEAR(scorer->score(std::span(&text, 1))[0] + other->score(std::span(&text, 1))[0], 1.0, 1e-6);
  EXPECT_EQ(scorer->describe()["label"], "toxic");
}

TEST_F(OpenScorer, RefusesAHeadThatWasTrainedOnOtherWeights) {
  const fs::path head = write_head(tiny, kWeights);
  tiny.tensors[0].second.values[0] += 1.0f;
  tiny.write();
  EXPECT_THROW(open_scorer(head.string()), MismatchError);
}

TEST_F(OpenScorer, RefusesAHeadOfAnotherWidth) {
  EXPECT_THROW(open_scorer(write_head(tiny, {1, 2, 3}).string()), MismatchError);
}

TEST_F(OpenScorer, RefusesAModelOfNumbersWithoutBounds) {
  Json config = read_json(tiny.path() / "config.json");
  config["problem_type"] = "regression";
  tiny.folder.write("config.json", to_text(config));
  EXPECT_THROW(open_scorer(tiny.path().string()), ConfigError);
  config["problem_type"] = "ranking";
  tiny.folder.write("config.json", to_text(config));
  EXPECT_THROW(open_scorer(tiny.path().string()), Error);
}

TEST_F(OpenScorer, SaysWhatIsWrongWithAPath) {
  EXPECT_THROW(open_scorer("no/such/thing"), Error);
  EXPECT_THROW(open_scorer(write_head(tiny, kWeights).string() + "?label=toxic"), ConfigError);
}

}  // namespace
}  // namespace limpid
