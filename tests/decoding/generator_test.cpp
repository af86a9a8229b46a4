#include "limpid/decoding/generator.h"

#include <cmath>
#include <cstring>
#include <set>

#include "limpid/core/random.h"
#include "limpid/decoding/fault_finder.h"
#include "limpid/decoding/logits.h"
#include "limpid/kernels/thread_pool.h"
#include "tests/methods/toy_models.h"
#include "tests/support/fixtures.h"
#include "tests/support/tiny_model.h"

namespace limpid {
namespace {

using namespace testing_support;

Request request(uint64_t prompt, uint64_t sample, TokenIds ids, int64_t tokens = 12) {
  Request r;
  r.prompt = prompt;
  r.sample = sample;
  r.prompt_ids = std::move(ids);
  r.sampling.seed = 7;
  r.stop.max_new_tokens = tokens;
  return r;
}

struct Outcome {
  std::map<std::pair<uint64_t, uint64_t>, Completion> completions;
  std::map<std::pair<uint64_t, uint64_t>, std::vector<std::vector<float>>> logits;  // of each step
};

Outcome decode(std::shared_ptr<const Model> model, const std::vector<Request>& requests, size_t rows,
               std::vector<std::unique_ptr<Session>> sessions = {}) {
  Outcome result;
  GeneratorOptions options;
  options.max_rows = rows;
  options.on_logits = [&](const Row& row, std::span<const float> z) {
    result.logits[{row.request.prompt, row.request.sample}].emplace_back(z.begin(), z.end());
  };
  Generator generator(std::move(model), std::move(sessions), options);
  for (const Request& r : requests) generator.submit(r);
  generator.run([&](Completion c) { result.completions[{c.prompt, c.sample}] = std::move(c); });
  return result;
}

void expect_same_bits(const Outcome& a, const Outcome& b) {
  ASSERT_EQ(a.logits.size(), b.logits.size());
  for (const auto& [key, steps] : a.logits) {
    const auto& other = b.logits.at(key);
    ASSERT_EQ(steps.size(), other.size());
    for (size_t i = 0; i < steps.size(); ++i)
      ASSERT_EQ(std::memcmp(steps[i].data(), other[i].data(), steps[i].size() * sizeof(float)), 0)
          << "prompt " << key.first << " sample " << key.second << " step " << i;
    ASSERT_EQ(a.completions.at(key).ids, b.completions.at(key).ids);
  }
}

std::vector<Request> many_requests() {
  std::vector<Request> requests;
  for (uint64_t prompt = 0; prompt < 4; ++prompt)
    for (uint64_t sample = 0; sample < 6; ++sample) {
      TokenIds ids;
      for (uint64_t i = 0; i < 3 + 20 * prompt; ++i) ids.push_back(TokenId((7 * i + prompt) % 96));
      requests.push_back(request(prompt, sample, ids, 8 + int64_t(sample)));
    }
  return requests;
}

class GeneratorAtPrecision : public ::testing::TestWithParam<Precision> {};

TEST_P(GeneratorAtPrecision, ARowIsBitIdenticalAloneAndAmongOthers) {
  const auto model = tiny_model(1, GetParam());
  const auto requests = many_requests();
  const Outcome together = decode(model, requests, 25), two = decode(model, requests, 2),
                alone = decode(model, requests, 1);
  expect_same_bits(together, alone);
  expect_same_bits(together, two);
}

TEST_P(GeneratorAtPrecision, OneThreadAndTwoGiveTheSameBits) {
  const auto model = tiny_model(1, GetParam());
  const size_t before = kernels::num_threads();
  kernels::set_num_threads(1);
  const Outcome one = decode(model, many_requests(), 25);
  kernels::set_num_threads(2);
  const Outcome two = decode(model, many_requests(), 25);
  kernels::set_num_threads(before);
  expect_same_bits(one, two);
}

INSTANTIATE_TEST_SUITE_P(Precisions, GeneratorAtPrecision,
                         ::testing::Values(Precision::Exact, Precision::BF16, Precision::Int8));

TEST(Generator, CountsTokensOfPromptsAndThoseBehindTheFirstApart) {
  Generator generator(tiny_model(), {}, {.max_rows = 2});
  for (uint64_t sample = 0; sample < 3; ++sample) generator.submit(request(0, sample, {5, 9, 2, 33}, 10));
  generator.run([](const Completion&) {});
  EXPECT_EQ(generator.prefill().tokens, 4u);  // read once for all samples
  EXPECT_EQ(generator.tokens_generated(), 30u);
  EXPECT_EQ(generator.decode().tokens, 27u);
  EXPECT_GT(generator.prefill().seconds, 0.0);
  EXPECT_GT(generator.decode().seconds, 0.0);
}

TEST(Generator, CachedLogitsEqualThoseOfTheWholeText) {
  const auto model = tiny_model();
  const TokenIds prompt = {5, 9, 2, 33, 61};
  const Outcome cached = decode(model, {request(0, 0, prompt, 64)}, 4);
  const Completion& completion = cached.completions.at({0, 0});
  TokenIds all = prompt;
  all.insert(all.end(), completion.ids.begin(), completion.ids.end());
  nn::KvCache cache = model->make_cache();
  const nn::Sequence sequence{&cache, all};
  nn::Pass pass({&sequence, 1});
  const Tensor logits = model->output_matrix(model->final_state(pass, Outputs::All));
  for (size_t i = 0; i < completion.ids.size(); ++i) {
    const auto& step = cached.logits.at({0, 0})[i];
    const Tensor mine = torch::from_blob(const_cast<float*>(step.data()), {int64_t(step.size())});
    EXPECT_LT((mine - logits[int64_t(prompt.size() + i) - 1]).abs().max().item<float>(), 1e-4f);
  }
}

/// Adds its strength to every logit of token 3, and counts the rows that it sees.
class Bump final : public Session {
 public:
  explicit Bump(size_t& rows) : rows_(rows) {}
  void logits(const Step& step, Tensor& z) override {
    rows_ += step.rows.size();
    for (size_t r = 0; r < step.rows.size(); ++r) z[int64_t(r)][3] += step.strengths[r];
  }

 private:
  size_t& rows_;
};

template <class Any>
std::vector<std::unique_ptr<Session>> one_session(Any session) {
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.push_back(std::make_unique<Any>(std::move(session)));
  return sessions;
}

TEST(Generator, StrengthIsPerRowAndZeroIsBitIdenticalToPlain) {
  const auto model = tiny_model();
  auto requests = many_requests();
  for (Request& r : requests) r.strengths = {r.sample % 2 ? 0.0f : 100.0f};
  size_t rows = 0, expected_rows = 4;  // the prompts with a strength, and
  for (const Request& r : requests)    // for each token but the last the rows whose strength is not 0
    if (r.strengths[0] != 0.0f) expected_rows += size_t(r.stop.max_new_tokens) - 1;
  const Outcome mixed = decode(model, requests, 25, one_session(Bump(rows))),
                plain = decode(model, many_requests(), 25);
  EXPECT_EQ(rows, expected_rows);
  for (const auto& [key, steps] : mixed.logits) {
    if (key.second % 2 == 0) {
      for (TokenId id : mixed.completions.at(key).ids) EXPECT_EQ(id, 3);
      continue;
    }
    for (size_t i = 0; i < steps.size(); ++i)
      ASSERT_EQ(std::memcmp(steps[i].data(), plain.logits.at(key)[i].data(), steps[i].size() * sizeof(float)), 0);
  }
}

TEST(Generator, SamplesOfOnePromptShareItsPrefill) {
  std::vector<Request> requests;
  for (uint64_t sample = 0; sample < 10; ++sample) requests.push_back(request(0, sample, TokenIds(40, 11)));
  Generator generator(tiny_model(), {}, {.max_rows = 4});
  for (const Request& r : requests) generator.submit(r);
  size_t done = 0;
  generator.run([&](Completion) { ++done; });
  EXPECT_EQ(done, 10u);
  EXPECT_EQ(generator.tokens_prefilled(), 40u);
}

TEST(Generator, StopsAtAStopTokenAndLeavesItOut) {
  const auto model = tiny_model();
  const Outcome plain = decode(model, {request(0, 0, {1, 2, 3}, 12)}, 1);
  const TokenIds free = plain.completions.at({0, 0}).ids;
  Request r = request(0, 0, {1, 2, 3}, 12);
  r.stop.stop_tokens = {free[5]};
  const Outcome stopped = decode(model, {r}, 1);
  const Completion& completion = stopped.completions.at({0, 0});
  EXPECT_EQ(completion.finish_reason, FinishReason::Stop);
  EXPECT_LE(completion.ids.size(), 5u);
  EXPECT_EQ(completion.ids, TokenIds(free.begin(), free.begin() + int64_t(completion.ids.size())));
}

TEST(Generator, TakesRequestsFromASourceAsRowsBecomeFreeAndWritesTheSame) {
  const auto model = tiny_model();
  const std::vector<Request> requests = many_requests();
  for (size_t rows : {1, 2, 7}) {
    const Outcome submitted = decode(model, requests, rows);
    Generator generator(model, {}, {.max_rows = rows});
    size_t taken = 0, finished = 0;
    generator.submit_from([&]() -> std::optional<Request> {
      if (taken == requests.size()) return std::nullopt;
      EXPECT_LE(taken, finished + rows);  // of those taken all but one are being written
      return requests[taken++];
    });
    generator.run([&](const Completion& c) {
      ++finished;
      EXPECT_EQ(c.ids, submitted.completions.at({c.prompt, c.sample}).ids);
    });
    EXPECT_EQ(finished, requests.size());
  }
}

TEST(Generator, AddsUpLengthsWithoutOverflow) {
  Generator generator(tiny_model(), {});
  try {
    generator.submit(request(0, 0, {1, 2}, INT64_MAX));
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("the prompt has 2 tokens and 9223372036854775807 new ones are asked for"),
              std::string::npos)
        << error.what();
  }
}

TEST(Generator, RefusesWhatCannotWork) {
  Generator generator(tiny_model(), {});
  EXPECT_THROW(generator.submit(request(0, 0, {})), ConfigError);
  EXPECT_THROW(generator.submit(request(0, 0, {1}, 0)), ConfigError);
  EXPECT_THROW(generator.submit(request(0, 0, {1}, 100000)), ConfigError);
}

/// The rows whose text begins with token 50 get a fault.
class Fault final : public Session {
 public:
  enum class Kind { NotANumber, Infinite, Nothing, ThrowsInRow, ThrowsInStep };
  explicit Fault(Kind kind) : kind_(kind) {}
  void logits(const Step& step, Tensor& z) override {
    const auto meant = [&](size_t r) {
      return step.rows[r]->request.prompt_ids[0] == 50 && !step.rows[r]->new_ids.empty();
    };
    for (size_t r = 0; r < step.rows.size(); ++r)
      LIMPID_CHECK(kind_ != Kind::ThrowsInStep || !meant(r), ConfigError, "the step has a fault");
    parallel_rows(step, z, [&](size_t r, std::span<float> row) {
      if (!meant(r)) return;
      LIMPID_CHECK(kind_ != Kind::ThrowsInRow, ConfigError, "the row has a fault");
      if (kind_ == Kind::NotANumber) row[7] = NAN;
      if (kind_ == Kind::Infinite) row[7] = INFINITY;
      if (kind_ == Kind::Nothing) std::fill(row.begin(), row.end(), kRemoved);
    });
  }

 private:
  Kind kind_;
};

/// Is not to see rows that have failed.
class Sorting final : public Session {
  void logits(const Step& step, Tensor& z) override {
    for (std::span<float> row : rows_of(z)) EXPECT_EQ(fault_of(row), nullptr);
  }
};

TEST(Generator, ARowThatGoesWrongEndsWithItsMessageAndTheOthersGoOnToTheBit) {
  const auto model = tiny_model();
  std::vector<Request> requests = many_requests();
  requests.resize(8);
  for (Request& r : requests) r.strengths = {1.0f, 1.0f};
  requests[3].prompt_ids[0] = requests[7].prompt_ids[0] = 50;
  for (size_t p = 0; p < requests.size(); ++p) requests[p].prompt = p;
  const Outcome plain = decode(model, requests, 3);
  for (const auto& [kind, message] : std::map<Fault::Kind, std::string>{
           {Fault::Kind::NotANumber, "token 2: logits of detoxifier 1: some are infinite or not numbers"},
           {Fault::Kind::Infinite, "logits of detoxifier 1: some are infinite or not numbers"},
           {Fault::Kind::Nothing, "logits of detoxifier 1: no token is left"},
           {Fault::Kind::ThrowsInRow, "the row has a fault"}}) {
    SCOPED_TRACE(message);
    auto sessions = one_session(Fault(kind));
    sessions.push_back(std::make_unique<Sorting>());
    Outcome faulty = decode(model, requests, 3, std::move(sessions));
    for (size_t p : {3u, 7u}) {
      const auto key = std::pair(uint64_t(p), requests[p].sample);
      const Completion& completion = faulty.completions.at(key);
      EXPECT_EQ(completion.finish_reason, FinishReason::Error);
      EXPECT_NE(completion.error.find(message), std::string::npos) << completion.error;
      EXPECT_EQ(completion.ids.size(), 1u);  // drawn from the prompt
      EXPECT_THROW(completion.check(), Error);
      faulty.completions[key] = plain.completions.at(key);
      faulty.logits[key] = plain.logits.at(key);
    }
    expect_same_bits(plain, faulty);
  }
}

/// From the second token on, the output of the second layer is infinite for texts that begin with token 50.
class Overflow final : public Session {
 public:
  bool listens(Site site, int64_t layer) const override { return site == Site::LayerOutput && layer == 1; }
  void activations(Site, int64_t, const Step& step, Tensor& x) override {
    for (size_t r = 0; r < step.rows.size(); ++r)
      if (step.rows[r]->request.prompt_ids[0] == 50 && !step.rows[r]->new_ids.empty()) x[step.begin(r)][3] = -INFINITY;
  }
};

TEST(FaultFinder, NamesTheLayerInWhichARowCeasesToBeFiniteAndTheOthersGoOnToTheBit) {
  const auto model = tiny_model();
  std::vector<Request> requests = many_requests();
  requests.resize(6);
  for (size_t p = 0; p < requests.size(); ++p) requests[p].prompt = p, requests[p].strengths = {1.0f};
  requests[4].prompt_ids[0] = 50;
  const Outcome plain = decode(model, requests, 3);
  auto sessions = one_session(Overflow());
  std::vector<float> strengths = {1.0f};
  add_fault_finder(sessions, strengths);
  for (Request& r : requests) r.strengths = strengths;
  Outcome found = decode(model, requests, 3, std::move(sessions));
  const auto key = std::pair(uint64_t(4), requests[4].sample);
  EXPECT_EQ(found.completions.at(key).error, "[generator] token 2: the output of layer 1 holds -inf");
  found.completions[key] = plain.completions.at(key);
  found.logits[key] = plain.logits.at(key);
  expect_same_bits(plain, found);
}

TEST(Generator, AnExceptionEndsTheRowsOfTheStepAndThoseWaitingGoOn) {
  const auto model = tiny_model();
  std::vector<Request> requests;
  for (uint64_t p = 0; p < 4; ++p) requests.push_back(request(p, 0, {p == 1 ? 50 : 5, TokenId(p)}, 6));
  for (Request& r : requests) r.strengths = {1.0f};
  const Outcome plain = decode(model, requests, 2),
                faulty = decode(model, requests, 2, one_session(Fault(Fault::Kind::ThrowsInStep)));
  for (uint64_t p : {0, 1}) {
    EXPECT_EQ(faulty.completions.at({p, 0}).finish_reason, FinishReason::Error);
    EXPECT_EQ(faulty.completions.at({p, 0}).error, "the step has a fault");
  }
  for (uint64_t p : {2, 3}) EXPECT_EQ(faulty.completions.at({p, 0}).ids, plain.completions.at({p, 0}).ids);
}

TEST(Generator, CancelDropsARequestWhereverItIs) {
  const auto model = tiny_model();
  const Outcome plain = decode(model, many_requests(), 4);
  Generator generator(model, {}, {.max_rows = 4});
  std::vector<RequestId> ids;
  for (Request& r : many_requests()) ids.push_back(generator.submit(std::move(r)));
  std::set<RequestId> done;
  const auto finish = [&](Completion completion) {
    EXPECT_EQ(completion.ids, plain.completions.at({completion.prompt, completion.sample}).ids);
    done.insert(completion.request);
  };
  generator.step(finish);
  EXPECT_TRUE(generator.cancel(ids[1]));   // being written
  EXPECT_TRUE(generator.cancel(ids[20]));  // waiting
  EXPECT_FALSE(generator.cancel(ids[1]));
  generator.run(finish);
  EXPECT_FALSE(generator.cancel(ids[0]));
  EXPECT_EQ(done.size(), ids.size() - 2);
  EXPECT_FALSE(done.contains(ids[1]) || done.contains(ids[20]));
}

TEST(Generator, ARewoundRowHasTheBitsOfOneThatNeverDrewTheTokens) {
  const auto model = tiny_model();
  Request r = request(0, 0, {1, 2, 3}, 12);
  const Outcome plain = decode(model, {r, request(1, 0, {4, 5}, 20)}, 4);
  Outcome rewound;
  GeneratorOptions options;
  options.on_logits = [&](const Row& row, std::span<const float> z) {
    auto& steps = rewound.logits[{row.request.prompt, row.request.sample}];
    steps.resize(row.new_ids.size());  // what has been taken back is overwritten
    steps.emplace_back(z.begin(), z.end());
  };
  Generator generator(model, {}, options);
  const RequestId id = generator.submit(r);
  generator.submit(request(1, 0, {4, 5}, 20));
  const auto done = [&](Completion c) { rewound.completions[{c.prompt, c.sample}] = std::move(c); };
  for (size_t tokens : {1u, 2u, 4u}) {  // the last time all of them
    for (int i = 0; i < 2; ++i) generator.step(done);
    generator.rewind(id, tokens);
    EXPECT_THROW(generator.rewind(id, 9), ConfigError);
  }
  generator.run(done);
  EXPECT_THROW(generator.rewind(id, 1), ConfigError);
  expect_same_bits(plain, rewound);
}

TEST(Generator, OtherNumbersAfterRewindingGiveOtherTokens) {
  const auto model = tiny_model();
  float number = 0.05f;
  GeneratorOptions options;
  options.uniform = [&](const Row&) { return number; };
  Generator generator(model, {}, options);
  const RequestId id = generator.submit(request(0, 0, {1, 2, 3}, 4));
  TokenIds ids;
  const auto done = [&](Completion c) { ids = std::move(c.ids); };
  generator.step(done);
  generator.step(done);
  generator.rewind(id, 1);
  number = 0.95f;
  generator.run(done);
  number = 0.05f;
  Generator again(model, {}, options);
  again.submit(request(0, 0, {1, 2, 3}, 2));
  TokenIds first;
  again.run([&](Completion c) { first = std::move(c.ids); });
  EXPECT_EQ(TokenIds(ids.begin(), ids.begin() + 2), first);
  EXPECT_EQ(ids.size(), 4u);
}

TEST(Generator, AForkHasTheTokensSoFarAndTheNumbersOfItsOwnSample) {
  const auto model = tiny_model();
  std::map<uint64_t, Completion> completions;
  const auto done = [&](Completion c) { completions[c.sample] = std::move(c); };
  Generator generator(model, {}, {.max_rows = 1});
  const RequestId id = generator.submit(request(0, 0, {1, 2, 3}, 12));
  const RequestId later = generator.fork(id, 5);  // while it waits
  generator.step(done);
  generator.step(done);
  EXPECT_NE(generator.fork(id, 7), later);
  generator.run(done);
  EXPECT_THROW(generator.fork(id, 8), ConfigError);
  const auto plain = [&](uint64_t sample) {
    return decode(model, {request(0, sample, {1, 2, 3}, 12)}, 1).completions.at({0, sample}).ids;
  };
  EXPECT_EQ(completions.at(0).ids, plain(0));
  EXPECT_EQ(completions.at(5).ids, plain(5));
  const TokenIds& fork = completions.at(7).ids;
  EXPECT_EQ(fork.size(), 12u);
  EXPECT_TRUE(std::equal(fork.begin(), fork.begin() + 3, plain(0).begin()));
  EXPECT_NE(fork, plain(0));
}

/// A model whose tokens are bytes.
class GeneratorOfBytes : public testing::Test {
 protected:
  /// Lets the text be written as it stands.
  Request given(const std::string& text, std::vector<std::string> stops = {}) {
    Request r = request(0, 0, {1, 2}, int64_t(text.size()));
    for (char byte : text) r.given.push_back(TokenId(uint8_t(byte)) + 1);
    r.stop.stop_strings = std::move(stops);
    r.on_token = [this](const TokenEvent& event) { events_.push_back(event); };
    return r;
  }
  Completion run(Request r) {
    Completion result;
    Generator generator(model_, {});
    const RequestId id = generator.submit(std::move(r));
    generator.run([&](Completion completion) { result = std::move(completion); });
    EXPECT_EQ(result.request, id);
    for (const TokenEvent& event : events_) EXPECT_EQ(event.request, id);
    return result;
  }
  std::string shown() const {
    std::string text;
    for (const TokenEvent& event : events_) text += event.text;
    return text;
  }
  TempDir folder_;
  std::shared_ptr<const Model> model_ = open_exact(write_toy_gpt2(folder_.path() / "toy", {}));
  std::vector<TokenEvent> events_;
};

TEST_F(GeneratorOfBytes, EventsCarryWholeCharactersAndTheLastOneTheReason) {
  const Completion completion = run(given("f\xc3\xbcnf\xe2\x82"));
  EXPECT_EQ(completion.text, "f\xc3\xbcnf\xef\xbf\xbd");
  ASSERT_EQ(events_.size(), 7u);
  EXPECT_EQ(events_[1].text, "");
  EXPECT_EQ(events_[2].text, "\xc3\xbc");
  EXPECT_EQ(events_[6].text, "\xef\xbf\xbd");
  EXPECT_FALSE(events_[5].finish_reason);
  EXPECT_EQ(events_[6].finish_reason, FinishReason::Length);
  EXPECT_FALSE(events_[6].log_prob);
}

TEST_F(GeneratorOfBytes, TextEndsBeforeTheFirstStopStringThatCompletes) {
  for (const auto& [stops, text, tokens] :
       std::vector<std::tuple<std::vector<std::string>, std::string, size_t>>{{{"lo w"}, "hel", 7},
                                                                              {{"wo", "o w"}, "hell", 7},
                                                                              {{"ello", "ell"}, "h", 4},
                                                                              {{"zz", "!"}, "hello world", 11}}) {
    SCOPED_TRACE(text);
    events_.clear();
    const Completion completion = run(given("hello world", stops));
    EXPECT_EQ(completion.text, text);
    EXPECT_EQ(shown(), text);
    EXPECT_EQ(completion.ids.size(), tokens);
    EXPECT_EQ(completion.finish_reason, tokens < 11 ? FinishReason::Stop : FinishReason::Length);
  }
}

TEST_F(GeneratorOfBytes, AStopTokenIsAnEventOfItsOwnAndBringsWhatWasHeldBack) {
  Request r = given("ab?", {"bx"});
  r.stop.stop_tokens = {TokenId('?') + 1};
  const Completion completion = run(r);
  EXPECT_EQ(completion.text, "ab");
  EXPECT_EQ(completion.ids.size(), 2u);
  ASSERT_EQ(events_.size(), 3u);
  EXPECT_EQ(events_[2].text, "b");
  EXPECT_EQ(events_[2].finish_reason, FinishReason::Stop);
}

TEST_F(GeneratorOfBytes, LogProbabilitiesAreThoseBeforeTemperatureAndFilters) {
  Request r = request(0, 0, {1, 2}, 3);
  r.sampling.temperature = 0.3f;
  r.sampling.top_k = 5;
  const Completion quiet = run(r);
  r.log_probs = 2;
  r.on_token = [this](const TokenEvent& event) { events_.push_back(event); };
  EXPECT_EQ(run(r).ids, quiet.ids);
  TokenIds text = r.prompt_ids;
  for (const TokenEvent& event : events_) {
    nn::KvCache cache = model_->make_cache();
    const nn::Sequence sequence{&cache, text};
    nn::Pass pass({&sequence, 1});
    const Tensor log_p = torch::log_softmax(model_->output_matrix(model_->final_state(pass, Outputs::Last))[0], -1);
    EXPECT_NEAR(*event.log_prob, log_p[event.id].item<float>(), 1e-4);
    ASSERT_EQ(event.top.size(), 2u);
    EXPECT_EQ(event.top[0].first, log_p.argmax().item<int64_t>());
    EXPECT_NEAR(event.top[0].second, log_p.max().item<float>(), 1e-4);
    EXPECT_GE(event.top[0].second, event.top[1].second);
    text.push_back(event.id);
  }
}

TEST_F(GeneratorOfBytes, CallbacksMayCancelTakeBackAndFork) {
  Generator generator(model_, {});
  std::map<uint64_t, Completion> completions;
  std::map<uint64_t, std::string> texts;
  Request r = given("abcdef");
  bool taken_back = false;
  r.on_token = [&](const TokenEvent& event) {
    texts[event.request] += event.text;
    if (event.request != 1) return;
    if (event.text == "b") {
      EXPECT_EQ(generator.fork(1, 9), 3u);
    }
    if (event.text == "d" && !std::exchange(taken_back, true)) generator.rewind(1, 2);
    if (event.text == "e") {
      EXPECT_TRUE(generator.cancel(1));
    }
  };
  generator.submit(r);
  generator.submit(given("xy"));
  generator.run([&](Completion completion) { completions[completion.request] = std::move(completion); });
  EXPECT_EQ(texts[1], "abcdcde");
  EXPECT_EQ(texts[3], "cdef");
  EXPECT_EQ(completions.size(), 2u);
  EXPECT_EQ(completions.at(2).text, "xy");
  EXPECT_EQ(completions.at(3).text, "abcdef");
}

TEST_F(GeneratorOfBytes, StopStringsFollowARowThatIsTakenBack) {
  Generator generator(model_, {});
  Request r = given("abcabd", {"cd", "bd"});
  r.on_token = nullptr;
  const RequestId id = generator.submit(r);
  Completion result;
  const auto done = [&](Completion completion) { result = std::move(completion); };
  generator.step(done);
  generator.step(done);  // abc
  generator.rewind(id, 2);
  generator.run(done);
  EXPECT_EQ(result.text, "abca");
  EXPECT_EQ(result.finish_reason, FinishReason::Stop);
}

TEST(Model, RefusesTheCacheOfAnotherModel) {
  const auto mine = tiny_model(1), other = tiny_model(2);
  nn::KvCache cache = other->make_cache();
  const TokenIds tokens = {1, 2};
  const nn::Sequence sequence{&cache, tokens};
  nn::Pass pass({&sequence, 1});
  EXPECT_THROW(mine->final_state(pass, Outputs::Last), ConfigError);
}

TEST(KvCache, AForkIsNotChangedByItsOrigin) {
  const auto model = tiny_model();
  const auto feed = [&](nn::KvCache& cache, const TokenIds& tokens) {
    const nn::Sequence sequence{&cache, tokens};
    nn::Pass pass({&sequence, 1});
    return model->output_matrix(model->final_state(pass, Outputs::Last));
  };
  nn::KvCache origin = model->make_cache();
  feed(origin, TokenIds(40, 5));
  nn::KvCache fork = origin, untouched = origin;
  feed(origin, {9, 9, 9});
  EXPECT_TRUE(torch::equal(feed(fork, {7}), feed(untouched, {7})));
  origin.truncate(40);
  nn::KvCache fresh = model->make_cache();
  feed(fresh, TokenIds(40, 5));
  EXPECT_LT((feed(origin, {7}) - feed(fresh, {7})).abs().max().item<float>(), 1e-4f);
}

}  // namespace
}  // namespace limpid
