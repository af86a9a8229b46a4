#include <gtest/gtest.h>

#include <thread>

#include "tests/server/fakes.h"

namespace limpid::server {
namespace {

using namespace testing_support;

class SchedulerOfEchoes : public testing::Test {
 protected:
  SchedulerOfEchoes() {
    facts_.names = {"echo"};
    facts_.vocabulary = 257;
    facts_.context = 4096;
    facts_.end_tokens = {ByteTokenizer::kEnd};
    facts_.guard.window = 4;
    facts_.detoxifiers = {{.name = "calm", .start = 0.5f, .range = {.least = 0, .most = 1}}};
  }
  void start(SchedulerOptions options = {}) {
    scheduler_ = std::make_unique<Scheduler>(engine_, tokenizer_, facts_, options, observer_);
  }
  Submission submission(const std::string& prompt, const std::string& client = "anna", bool stream = false) {
    Submission submission;
    submission.exchange = std::make_shared<KeptExchange>(client);
    submission.request.prompts = {prompt};
    submission.request.strengths = {0.5f};
    submission.request.stream = stream;
    submission.prompts = {tokenizer_->encode(prompt, false)};
    return submission;
  }
  std::shared_ptr<KeptExchange> submit(Submission submission) {
    auto exchange = std::static_pointer_cast<KeptExchange>(submission.exchange);
    scheduler_->submit(std::move(submission));
    return exchange;
  }
  std::shared_ptr<KeptExchange> ask(const std::string& prompt, const std::string& client = "anna") {
    return submit(submission(prompt, client));
  }
  static std::string text_of(const KeptExchange& exchange) { return exchange.body()["choices"][0]["text"]; }
  /// Keeps the engine's thread busy until `open` is set, so that requests wait.
  void hold(std::atomic<bool>& open) {
    scheduler_->call_between_steps([&open] {
      while (!open) std::this_thread::yield();
      return true;
    });
  }

  EchoEngine engine_;
  std::shared_ptr<const Tokenizer> tokenizer_ = std::make_shared<ByteTokenizer>();
  ServerFacts facts_;
  SchedulerObserver observer_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerOfEchoes, ManyClientsAtOnceGetTheirOwnAnswersAndNoneIsLost) {
  start({.rows = 8, .queue = 2000});
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      std::vector<std::pair<std::string, std::shared_ptr<KeptExchange>>> asked;
      for (int i = 0; i < 125; ++i) {
        const std::string nonce = concat("nonce ", thread, " ", i * 7919);
        asked.emplace_back(nonce, ask(nonce, concat("client ", thread)));
      }
      for (const auto& [nonce, exchange] : asked) {
        exchange->wait();
        right += text_of(*exchange) == nonce;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 1000);
  scheduler_->stop(1);
  EXPECT_LE(engine_.most_rows(), 8u);
  EXPECT_EQ(scheduler_->requests_running() + scheduler_->requests_waiting() + scheduler_->rows_running(), 0u);
}

TEST_F(SchedulerOfEchoes, OneRequestMoreThanTheQueueHoldsIsToldWhenToComeAgain) {
  start({.rows = 1, .queue = 2});
  std::atomic<bool> open = false;
  hold(open);
  std::vector<std::shared_ptr<KeptExchange>> asked;
  for (int i = 0; i < 3; ++i) asked.push_back(ask("text"));
  try {
    ask("one more");
    FAIL();
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status, 429);
    EXPECT_EQ(error.code, "queue_full");
    EXPECT_GE(error.retry_after, 1);
    EXPECT_LE(error.retry_after, 60);
  }
  open = true;
  for (const auto& exchange : asked) exchange->wait();
}

TEST_F(SchedulerOfEchoes, AClientWithManyRequestsDoesNotDelayAnothersSingleOne) {
  start({.rows = 2, .queue = 1000});
  std::atomic<bool> open = false;
  hold(open);
  std::vector<std::shared_ptr<KeptExchange>> many;
  for (int i = 0; i < 100; ++i) many.push_back(ask("twenty bytes of text", "bert"));
  const auto single = ask("twenty bytes of text", "anna");
  open = true;
  single->wait();
  size_t before = 0;
  for (const auto& exchange : many) {
    exchange->wait();
    before += exchange->place() < single->place();
  }
  EXPECT_LE(before, 4u);
}

TEST_F(SchedulerOfEchoes, ARowThatFailsFailsItsRequestAlone) {
  start();
  const auto good = ask("a good text"), bad = ask("a bad! text"), other = ask("another");
  for (const auto& exchange : {good, bad, other}) exchange->wait();
  EXPECT_EQ(text_of(*good), "a good text");
  EXPECT_EQ(text_of(*other), "another");
  EXPECT_EQ(bad->response().status, 500);
  EXPECT_EQ(bad->body()["error"]["code"], "numeric_failure");
}

TEST_F(SchedulerOfEchoes, AFailureInAStreamIsItsLastEventAndItEndsIncomplete) {
  start();
  const auto bad = submit(submission("a bad! text", "anna", /*stream=*/true));
  bad->wait();
  EXPECT_FALSE(bad->is_complete());
  EXPECT_EQ(Json::parse(bad->events().back())["error"]["code"], "numeric_failure");
}

TEST_F(SchedulerOfEchoes, AClientThatHasGoneFreesItsRowsQueuedOrRunning) {
  start({.rows = 1});
  auto running = submission(std::string(4000, 'x'));
  running.request.max_tokens = 4000;
  std::atomic<bool> open = false;
  hold(open);
  const auto first = submit(std::move(running)), queued = ask("queued"), last = ask("last");
  first->leave();
  queued->leave();
  open = true;
  last->wait();
  EXPECT_EQ(text_of(*last), "last");
  EXPECT_LT(engine_.steps(), 100u);
  scheduler_->stop(1);
  EXPECT_FALSE(first->is_ended());
  EXPECT_FALSE(queued->is_ended());
}

TEST_F(SchedulerOfEchoes, RowsOfAClientThatDoesNotReadWaitAndGoOn) {
  start();
  Submission slow = submission("slowly read", "anna", /*stream=*/true);
  std::static_pointer_cast<KeptExchange>(slow.exchange)->set_buffered(1u << 20);
  const auto exchange = submit(std::move(slow));
  const auto other = ask("another");
  other->wait();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(exchange->is_ended());
  EXPECT_LE(exchange->events().size(), 2u);
  exchange->set_buffered(0);
  exchange->wait();
  EXPECT_TRUE(exchange->is_complete());
}

TEST_F(SchedulerOfEchoes, FurtherRowsOfAClientThatDoesNotReadDoNotBegin) {
  start({.rows = 2});
  Submission slow = submission("slowly read", "anna", /*stream=*/true);
  slow.request.n = 40;
  std::static_pointer_cast<KeptExchange>(slow.exchange)->set_buffered(1u << 20);
  const auto exchange = submit(std::move(slow));
  ask("another")->wait();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_LE(exchange->events().size(), 4u);
  exchange->set_buffered(0);
  exchange->wait();
  EXPECT_TRUE(exchange->is_complete());
}

TEST_F(SchedulerOfEchoes, WhenItStopsNewRequestsAreRefusedAndWhatTakesTooLongIsEnded) {
  start({.rows = 1});
  std::atomic<bool> open = false;
  hold(open);
  const auto first = ask("short");
  std::thread stopper([&] { scheduler_->stop(0.2); });
  while (!scheduler_->is_stopping()) std::this_thread::yield();
  EXPECT_THROW(ask("late"), ApiError);
  open = true;
  stopper.join();
  EXPECT_EQ(text_of(*first), "short");
}

TEST_F(SchedulerOfEchoes, WhatIsLeftWhenTimeIsUpEndsWithTheReason) {
  start({.rows = 1});
  std::atomic<bool> open = false;
  hold(open);
  const auto first = ask("short");
  std::thread stopper([&] { scheduler_->stop(0); });
  while (!scheduler_->is_stopping()) std::this_thread::yield();
  open = true;
  stopper.join();
  EXPECT_EQ(first->response().status, 503);
  EXPECT_EQ(first->body()["error"]["code"], "shutting_down");
}

TEST_F(SchedulerOfEchoes, TheGuardTakesBackWhatTripsAndWritesItAgainAtAHigherStrength) {
  facts_.guard.available = true;
  start();
  Submission guarded = submission("kind words, ~ugly, kind again", "anna", /*stream=*/true);
  guarded.request.guard = {.on = true, .threshold = 0.5, .rewinds = 2};
  const auto exchange = submit(std::move(guarded));
  exchange->wait();
  std::string text;
  Json report;
  for (const std::string& event : exchange->events()) {
    const Json choice = Json::parse(event)["choices"][0];
    text += choice["text"].get<std::string>();
    EXPECT_EQ(text.find('~'), std::string::npos);
    if (choice.contains("limpid")) report = choice["limpid"]["guard"];
  }
  EXPECT_EQ(text, "kind words, -ugly, kind again");
  EXPECT_EQ(report["rewinds"], 1);
  EXPECT_EQ(report["rewound_tokens"], 4);
  EXPECT_EQ(report["strength"], 0.75);
  EXPECT_EQ(report["refused"], false);
}

TEST_F(SchedulerOfEchoes, AnAnswerThatKeepsTrippingIsRefusedWithWhatWasReleased) {
  facts_.guard.available = true;
  start();
  Submission guarded = submission("kind words, ~ugly, kind again");
  guarded.request.guard = {.on = true, .threshold = 0.5, .rewinds = 0};
  const auto exchange = submit(std::move(guarded));
  exchange->wait();
  EXPECT_EQ(text_of(*exchange), "kind words, ");
  EXPECT_EQ(exchange->body()["choices"][0]["finish_reason"], "content_filter");
  EXPECT_EQ(exchange->body()["usage"]["completion_tokens"], 12);
}

TEST_F(SchedulerOfEchoes, ATripInTheLastWindowIsTakenBackToo) {
  facts_.guard.available = true;
  start();
  Submission guarded = submission("kind words~");
  guarded.request.guard = {.on = true, .threshold = 0.5, .rewinds = 1};
  const auto exchange = submit(std::move(guarded));
  exchange->wait();
  EXPECT_EQ(text_of(*exchange), "kind words-");
}

}  // namespace
}  // namespace limpid::server
