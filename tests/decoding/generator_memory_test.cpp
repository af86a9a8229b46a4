#include <cstring>
#include <map>

#include "limpid/decoding/generator.h"
#include "limpid/decoding/logits.h"
#include "tests/support/fixtures.h"
#include "tests/support/tiny_model.h"

/// Prompts in parts, kept prompts, little memory, and changes of course leave every bit where it was.
namespace limpid {
namespace {

using namespace testing_support;

/// Acts at every door: on all tokens, on a prompt's last one, and on the logits with what another model reads along.
class Everywhere final : public Session {
 public:
  explicit Everywhere(std::shared_ptr<const Model> helper) : helper_(std::move(helper)) {}
  std::vector<Reading> readings() const override { return {{.model = helper_, .prefixes = {{}, {5, 6, 7}}}}; }
  bool listens(Site site, int64_t layer) const override { return site == Site::LayerOutput && layer == 0; }
  void activations(Site, int64_t, const Step& step, Tensor& x) override {
    for (size_t r = 0; r < step.rows.size(); ++r) {
      x.narrow(0, step.begin(r), step.end(r) - step.begin(r)).mul_(1.0f + 0.1f * step.strengths[r]);
      if (!step.is_part) x[step.end(r) - 1].add_(0.1f * step.strengths[r]);
    }
  }
  void logits(const Step& step, Tensor& z) override {
    const Tensor read = step.read(0).logits();
    for (size_t r = 0; r < step.rows.size(); ++r)
      z[int64_t(r)].add_(read[int64_t(2 * r)] - read[int64_t(2 * r + 1)], step.strengths[r]);
  }

 private:
  std::shared_ptr<const Model> helper_;
};

struct Outcome {
  std::map<uint64_t, Completion> completions;
  std::map<uint64_t, std::vector<TokenEvent>> events;
  uint64_t preemptions = 0;
};

class GeneratorWithLittle : public testing::Test {
 protected:
  std::vector<std::unique_ptr<Session>> sessions() const {
    std::vector<std::unique_ptr<Session>> sessions;
    sessions.push_back(std::make_unique<Everywhere>(helper_));
    return sessions;
  }
  std::vector<Request> requests() const {
    std::vector<Request> requests;
    for (uint64_t prompt = 0; prompt < 6; ++prompt) {
      Request r;
      r.prompt = prompt;
      for (uint64_t i = 0; i < 5 + 37 * prompt; ++i) r.prompt_ids.push_back(TokenId((7 * i + prompt / 2) % 96));
      r.sampling.seed = 3;
      r.stop.max_new_tokens = 50;
      r.strengths = {prompt % 2 ? 0.5f : 0.0f};
      r.log_probs = 2;
      requests.push_back(r);
    }
    return requests;
  }
  static void submit(Generator& generator, Request request, Outcome& outcome) {
    const uint64_t prompt = request.prompt;
    request.on_token = [&outcome, prompt](const TokenEvent& event) { outcome.events[prompt].push_back(event); };
    generator.submit(std::move(request));
  }
  Outcome decode(GeneratorOptions options) const {
    Outcome outcome;
    Generator generator(model_, sessions(), options);
    for (const Request& request : requests()) submit(generator, request, outcome);
    generator.run([&](Completion c) { outcome.completions[c.prompt] = std::move(c); });
    outcome.preemptions = generator.preemptions();
    return outcome;
  }
  static void expect_equal(const Outcome& a, const Outcome& b) {
    ASSERT_EQ(a.events.size(), b.events.size());
    for (const auto& [prompt, events] : a.events) {
      const auto& others = b.events.at(prompt);
      ASSERT_EQ(events.size(), others.size()) << "prompt " << prompt;
      for (size_t i = 0; i < events.size(); ++i) {
        ASSERT_EQ(events[i].id, others[i].id) << "prompt " << prompt << " token " << i;
        ASSERT_EQ(events[i].log_prob, others[i].log_prob) << "prompt " << prompt << " token " << i;
        ASSERT_EQ(events[i].top, others[i].top) << "prompt " << prompt << " token " << i;
      }
      ASSERT_EQ(a.completions.at(prompt).ids, b.completions.at(prompt).ids);
    }
  }

  std::shared_ptr<const Model> model_ = tiny_model(), helper_ = tiny_model(2);
  const size_t page_ = model_->make_cache().pool()->bytes_per_page();
};

TEST_F(GeneratorWithLittle, PromptsInPartsHaveTheBitsOfPromptsAtOnce) {
  const Outcome whole = decode({});
  for (size_t tokens : {1u, 7u, 32u, 100u}) expect_equal(whole, decode({.prompt_tokens = tokens}));
}

TEST_F(GeneratorWithLittle, RowsThatGaveTheirPagesBackGoOnWithTheSameBits) {
  const Outcome whole = decode({});
  for (size_t pages : {20u, 40u, 60u}) {
    const Outcome little = decode({.prompt_tokens = 64, .cache_bytes = pages * page_});
    EXPECT_EQ(little.completions.size(), 6u);
    EXPECT_GT(little.preemptions, 0u) << pages;
    expect_equal(whole, little);
  }
}

TEST_F(GeneratorWithLittle, CachesStayWithinTheirBound) {
  Generator generator(model_, {}, {.cache_bytes = 40 * page_});
  for (Request request : requests()) {
    request.strengths = {};
    generator.submit(std::move(request));
  }
  while (generator.step([](const Completion&) {})) EXPECT_LE(generator.cache_bytes(), 40 * page_);
}

TEST_F(GeneratorWithLittle, APromptGoesOnFromWhatItsOwnerHadReadAtTheSameStrengths) {
  Generator generator(model_, sessions(), {.cache_bytes = 10000 * page_});
  Request request = requests()[3];  // 116 tokens
  std::vector<size_t> kept;
  Outcome outcome;
  const auto ask = [&](const std::string& owner, float strength, TokenIds more = {}) {
    Request again = request;
    again.prefix_owner = owner;
    again.strengths = {strength};
    again.prompt_ids.insert(again.prompt_ids.end(), more.begin(), more.end());
    outcome = {};
    submit(generator, again, outcome);
    generator.run([&](Completion c) {
      kept.push_back(c.kept_tokens);
      outcome.completions[c.prompt] = std::move(c);
    });
    return outcome;
  };
  const Outcome first = ask("anna", 0.5f), again = ask("anna", 0.5f);
  expect_equal(first, again);
  ask("anna", 0.5f, {1, 2, 3});
  ask("anna", 0.25f);
  ask("bert", 0.5f);
  ask("", 0.5f);
  EXPECT_EQ(kept, (std::vector<size_t>{0, 96, 96, 0, 0, 0}));
  EXPECT_GT(generator.kept_bytes(), 0u);
}

TEST_F(GeneratorWithLittle, AChangeOfCourseIsTakenAgainByRowsThatGaveTheirPagesBack) {
  const auto guarded = [&](size_t cache_bytes) {
    Outcome outcome;
    Generator generator(model_, sessions(), {.cache_bytes = cache_bytes});
    std::map<uint64_t, int> turns;
    for (Request request : requests()) {
      const uint64_t prompt = request.prompt;
      request.on_token = [&, prompt](const TokenEvent& event) {
        auto& events = outcome.events[prompt];
        events.push_back(event);
        const size_t back = prompt == 0 ? 10 : 4;  // prompt 0: to its beginning
        if (events.size() != 10 || turns[prompt]++ == 2) return;
        events.resize(10 - back);
        generator.rewind(event.request, back);
        generator.steer(event.request, {0.25f * float(turns[prompt])}, uint32_t(turns[prompt]));
      };
      generator.submit(std::move(request));
    }
    generator.run([&](Completion c) { outcome.completions[c.prompt] = std::move(c); });
    outcome.preemptions = generator.preemptions();
    return outcome;
  };
  const Outcome free = guarded(0), little = guarded(40 * page_);
  EXPECT_GT(little.preemptions, 0u);
  expect_equal(free, little);
  EXPECT_NE(free.completions.at(1).ids, decode({}).completions.at(1).ids);
}

TEST_F(GeneratorWithLittle, ARequestThatHasNotBegunBeginsOnTheCourseItWasGiven) {
  Request asked = requests()[2], steered = asked;
  asked.strengths = {0.5f};
  asked.attempt = 3;
  Outcome expected, found;
  Generator plain(model_, sessions(), {}), later(model_, sessions(), {});
  submit(plain, asked, expected);
  plain.run([&](Completion c) { expected.completions[c.prompt] = std::move(c); });
  submit(later, steered, found);
  later.steer(1, {0.5f}, 3);
  later.run([&](Completion c) { found.completions[c.prompt] = std::move(c); });
  expect_equal(expected, found);
}

TEST_F(GeneratorWithLittle, WhatIsTakenBackTakesItsCourseAlong) {
  Request request = requests()[2];
  Outcome expected, found;
  Generator plain(model_, sessions(), {}), turning(model_, sessions(), {});
  submit(plain, request, expected);
  plain.run([&](Completion c) { expected.completions[c.prompt] = std::move(c); });
  submit(turning, request, found);
  const auto done = [&](Completion c) { found.completions[c.prompt] = std::move(c); };
  for (int i = 0; i < 4; ++i) turning.step(done);
  turning.steer(1, {0.5f}, 1);
  for (int i = 0; i < 3; ++i) turning.step(done);
  turning.rewind(1, 6);
  found.events[request.prompt].resize(found.events[request.prompt].size() - 6);
  turning.run(done);
  expect_equal(expected, found);
}

TEST_F(GeneratorWithLittle, AnExplanationIsThePlainModelsAndChangesNothing) {
  const Outcome unexplained = decode({});
  Outcome explained, plain;
  Generator generator(model_, sessions(), {.explains = true});
  for (Request request : requests()) {
    request.explain = true;
    submit(generator, request, explained);
  }
  generator.run([&](Completion c) { explained.completions[c.prompt] = std::move(c); });
  expect_equal(unexplained, explained);
  Generator reader(model_, {}, {});
  for (Request request : requests()) {
    request.strengths = {};
    request.given = explained.completions.at(request.prompt).ids;
    submit(reader, request, plain);
  }
  reader.run([](const Completion&) {});
  for (const auto& [prompt, events] : explained.events)
    for (size_t i = 0; i < events.size(); ++i) {
      const StepExplanation& explanation = *events[i].explanation;
      EXPECT_EQ(explanation.base_log_prob, plain.events[prompt][i].log_prob);
      EXPECT_EQ(explanation.base_id, plain.events[prompt][i].top[0].first);
      if (prompt % 2 == 0)
        EXPECT_EQ(explanation.kl, 0.0);
      else
        EXPECT_GT(explanation.kl, 0.0);
    }
}

TEST_F(GeneratorWithLittle, APausedRowStaysWhereItIs) {
  const Outcome whole = decode({});
  Outcome outcome;
  Generator generator(model_, sessions(), {});
  const auto done = [&](Completion c) { outcome.completions[c.prompt] = std::move(c); };
  for (const Request& request : requests()) submit(generator, request, outcome);
  generator.step(done);
  generator.pause(1, true);
  for (int i = 0; i < 5; ++i) generator.step(done);
  EXPECT_EQ(outcome.events[0].size(), 2u);
  EXPECT_EQ(outcome.events[1].size(), 7u);
  generator.pause(1, false);
  generator.run(done);
  expect_equal(whole, outcome);
}

}  // namespace
}  // namespace limpid
