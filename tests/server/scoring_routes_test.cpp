#include "limpid/server/scoring_routes.h"

#include <gtest/gtest.h>

#include "tests/server/fake_scoring.h"
#include "tests/server/fakes.h"
#include "tests/server/server_facts.h"

namespace limpid::server {
namespace {

using testing::expect_refusal;
using testing_support::FakeEmbedder;
using testing_support::FakeScorer;
using testing_support::KeptExchange;

std::shared_ptr<KeptExchange> asked(const std::string& body) { return std::make_shared<KeptExchange>("c", body); }

constexpr const char* kComment = R"({"comment":{"text":"You fool."},"requestedAttributes":{"TOXICITY":{}}})";

TEST(ScoringRoutes, ACommentHasTheScoreOfItsModeration) {
  FakeScorer scorer;
  const auto moderation = asked(R"({"input":"You fool."})"), comment = asked(kComment);
  answer_moderation(moderation, &scorer);
  answer_comment(comment, &scorer);
  EXPECT_EQ(moderation->response().status, 200);
  EXPECT_TRUE(moderation->body()["id"].get<std::string>().starts_with("modr-"));
  EXPECT_EQ(moderation->body()["results"][0]["category_scores"]["toxicity"], 0.9);
  EXPECT_EQ(comment->body()["attributeScores"]["TOXICITY"]["summaryScore"]["value"], 0.9);
}

TEST(ScoringRoutes, TextsAreScoredByThemselves) {
  FakeScorer scorer;
  answer_moderation(asked(R"({"input":["a","b"]})"), &scorer);
  EXPECT_EQ(scorer.texts(), (std::vector<std::string>{"a", "b"}));
}

TEST(ScoringRoutes, EmbeddingsAnswerForEachText) {
  FakeEmbedder embedder;
  const auto exchange = asked(R"({"input":["a","b"],"encoding_format":"float"})");
  answer_embeddings(exchange, &embedder);
  ASSERT_EQ(exchange->body()["data"].size(), 2u);
  EXPECT_EQ(exchange->body()["data"][1]["embedding"][1].get<float>(), -0.8f);
  EXPECT_EQ(exchange->body()["usage"]["total_tokens"], 2);
}

TEST(ScoringRoutes, AnswerNotLoadedWithoutAScorerOrAnEncoder) {
  expect_refusal([] { answer_moderation(asked("{}"), nullptr); }, 404, "not_loaded", "(none)");
  expect_refusal([] { answer_comment(asked("{}"), nullptr); }, 404, "not_loaded", "(none)");
  expect_refusal([] { answer_embeddings(asked("{}"), nullptr); }, 404, "not_loaded", "(none)");
}

TEST(ScoringRoutes, WhatCannotBeScoredFailsTheWholeRequest) {
  FakeScorer scorer;
  const auto exchange = asked(R"({"input":["fine","NaN"]})");
  answer_moderation(exchange, &scorer);
  EXPECT_EQ(exchange->response().status, 500);
  EXPECT_EQ(exchange->body()["error"]["code"], "numeric_failure");
}

TEST(ScoringRoutes, TellWhyTheScorerDidNothing) {
  FakeScorer scorer;
  scorer.fails = true;
  const auto exchange = asked(R"({"input":"a"})");
  answer_moderation(exchange, &scorer);
  EXPECT_EQ(exchange->response().status, 503);
  EXPECT_EQ(exchange->body()["error"]["code"], "shutting_down");
}

TEST(ScoringRoutes, AskTheScorerToStopWhenTheClientHasGone) {
  FakeScorer scorer;
  scorer.waits = true;
  const auto exchange = asked(R"({"input":"a"})");
  answer_moderation(exchange, &scorer);
  EXPECT_FALSE(scorer.stop().stop_requested());
  exchange->leave();
  EXPECT_TRUE(scorer.stop().stop_requested());
  EXPECT_FALSE(exchange->is_ended());
}

}  // namespace
}  // namespace limpid::server
