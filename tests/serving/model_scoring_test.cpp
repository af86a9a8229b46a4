#include "limpid/serving/model_scoring.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/support/tiny_encoder.h"

namespace limpid::serving {
namespace {

using limpid::testing_support::TinyEncoder;
using server::ApiError;
using server::Outcome;
using Scores = std::vector<double>;

/// Works when it is told to.
struct Engine {
  std::deque<std::function<bool()>> works;
  BetweenSteps between_steps = [this](std::function<bool()> work) { works.push_back(std::move(work)); };

  /// Calls each work once, in turn, until none is left. Returns how often it called.
  size_t run() {
    size_t calls = 0;
    for (; !works.empty(); ++calls) {
      auto work = std::move(works.front());
      works.pop_front();
      if (!work()) works.push_back(std::move(work));
    }
    return calls;
  }
};

class ModelScoring : public testing::Test {
 protected:
  ModelScoring() { tiny.write_vocabulary(); }
  TinyEncoder tiny;
  Engine engine;
};

TEST_F(ModelScoring, GivesTheScoresOfTheScorerInPartsAndTellsOfEachText) {
  const auto scorer = open_scorer(tiny.path().string());
  size_t told = 0;
  ModelScorer model(scorer, engine.between_steps, [&](bool, double seconds) { told += seconds >= 0.0; });
  EXPECT_EQ(model.name(), scorer->name());
  std::string longer = "a";
  for (int i = 0; i < 600; ++i) longer += " bad cat";
  const std::vector<std::string> texts = {"a good cat", longer, ""};
  Scores scores;
  model.score(texts, {}, [&](Outcome<Scores> outcome) { scores = std::get<Scores>(outcome); });
  EXPECT_TRUE(scores.empty()) << "not before its turn";
  EXPECT_GT(engine.run(), 5u);
  EXPECT_EQ(scores, scorer->score(texts));
  EXPECT_EQ(told, 3u);
}

TEST_F(ModelScoring, GivesTheVectorsOfTheEncoder) {
  const auto encoder = open_sentence_encoder(tiny.path().string());
  ModelEmbedder model(encoder, engine.between_steps);
  using Vectors = std::vector<std::vector<float>>;
  Vectors vectors;
  model.embed({model.encode("a good cat"), model.encode("bad")}, {},
              [&](Outcome<Vectors> outcome) { vectors = std::get<Vectors>(outcome); });
  engine.run();
  Embedding alone(encoder, {encoder->encode("bad")});
  while (!alone.step(1)) {
  }
  ASSERT_EQ(vectors.size(), 2u);
  EXPECT_EQ(vectors[1], alone.vectors()[0]);
}

TEST_F(ModelScoring, DoesNoMoreForAClientThatHasGone) {
  ModelScorer model(open_scorer(tiny.path().string()), engine.between_steps);
  std::stop_source stop;
  bool was_told = false;
  model.score({"a good cat"}, stop.get_token(), [&](const Outcome<Scores>&) { was_told = true; });
  stop.request_stop();
  EXPECT_EQ(engine.run(), 1u);
  EXPECT_FALSE(was_told);
}

TEST_F(ModelScoring, SaysThatTheServerIsShuttingDownWhereWorkIsDropped) {
  ModelScorer model(open_scorer(tiny.path().string()), engine.between_steps);
  std::string code;
  model.score({"a good cat"}, {}, [&](Outcome<Scores> outcome) { code = std::get<ApiError>(outcome).code; });
  engine.works.clear();
  EXPECT_EQ(code, "shutting_down");
}

TEST_F(ModelScoring, RefusesTextsWhenTooManyWait) {
  ModelScorer model(open_scorer(tiny.path().string()), engine.between_steps);
  size_t scored = 0, refused = 0;
  const auto ask = [&](size_t bytes) {
    model.score({std::string(bytes, ' ')}, {}, [&](const Outcome<Scores>& outcome) {
      const auto* error = std::get_if<ApiError>(&outcome);
      if (!error) return void(++scored);
      EXPECT_EQ(error->code, "queue_full");
      EXPECT_EQ(error->status, 429);
      EXPECT_TRUE(error->retry_after);
      ++refused;
    });
  };
  for (int i = 0; i < 6; ++i) ask(1 << 20);
  EXPECT_EQ(refused, 2u);
  engine.run();
  EXPECT_EQ(scored, 4u);
  ask(8 << 20);
  engine.run();
  EXPECT_EQ(scored, 5u) << "one alone is never too much, and what is done makes room";
}

}  // namespace
}  // namespace limpid::serving
