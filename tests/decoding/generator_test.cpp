#include "limpid/decoding/generator.h"

#include <cstring>

#include "limpid/core/random.h"
#include "limpid/decoding/companion.h"
#include "limpid/kernels/thread_pool.h"
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

/// Adds its strength to every logit of token 3, and counts its calls.
class Bump final : public Session {
 public:
  explicit Bump(std::map<std::string, int>& calls) : calls_(calls) {}
  void admit(const Row&) override { ++calls_["admit"]; }
  void fork(const Row&, const Row&) override { ++calls_["fork"]; }
  void release(RowId) override { ++calls_["release"]; }
  void logits(const Step& step, Tensor& z) override {
    ++calls_["logits"];
    for (size_t r = 0; r < step.rows.size(); ++r) z[int64_t(r)][3] += step.strengths[r];
  }

 private:
  std::map<std::string, int>& calls_;
};

TEST(Generator, StrengthIsPerRowAndZeroIsBitIdenticalToPlain) {
  const auto model = tiny_model();
  auto requests = many_requests();
  for (Request& r : requests) r.strengths = {r.sample % 2 ? 0.0f : 100.0f};
  std::map<std::string, int> calls;
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.push_back(std::make_unique<Bump>(calls));
  const Outcome mixed = decode(model, requests, 25, std::move(sessions)), plain = decode(model, many_requests(), 25);
  for (const auto& [key, steps] : mixed.logits) {
    if (key.second % 2 == 0) {
      for (TokenId id : mixed.completions.at(key).ids) EXPECT_EQ(id, 3);
      continue;
    }
    for (size_t i = 0; i < steps.size(); ++i)
      ASSERT_EQ(std::memcmp(steps[i].data(), plain.logits.at(key)[i].data(), steps[i].size() * sizeof(float)), 0);
  }
  EXPECT_EQ(calls["fork"], 12);                                 // only rows whose strength is not 0
  EXPECT_EQ(calls["admit"] + calls["fork"], calls["release"]);  // nothing is left behind
}

/// Doubles what the blocks put out and adds 1 to their first attention projections, of the streams that it is the
/// change of.
class Doubling final : public ActivationHook {
 public:
  bool listens(Site site, int64_t) const override { return site == Site::LayerOutput; }
  void activations(Site, int64_t, const nn::Pass& pass, Tensor& x) override {
    EXPECT_EQ(x.size(0), pass.size());
    x = x * 2;
  }
  bool listens(Projection projection, int64_t layer) const override {
    return projection == Projection::AttentionOutput && layer == 0;
  }
  void projected(Projection, int64_t, const nn::Pass& pass, const Tensor& x, Tensor& y) override {
    EXPECT_EQ(x.size(0), pass.size());
    y += 1;
  }
};

/// The target reads the row's text once more, changed, and its logits are added.
class Echo final : public Session {
 public:
  Echo(const Model& model, bool ahead)
      : model_(model),
        again_(model.shared_from_this(), false, std::make_shared<Doubling>()),
        ahead_(ahead) {}
  void admit(const Row& row) override { again_.admit(row.id); }
  void fork(const Row& from, const Row& to) override { again_.fork(from.id, to.id); }
  void release(RowId row) override { again_.release(row); }
  void streams(const Step& step, std::vector<Streams>& all) override {
    if (ahead_) all.push_back(again_.streams(step.rows));
  }
  void logits(const Step& step, Tensor& z) override {
    for (const Row* row : step.rows)
      EXPECT_EQ(again_.cache(row->id).length() == row->history().size(), ahead_);  // in the step's own pass, or not yet
    const Tensor more = model_.output_matrix(again_.states(step.rows));
    for (size_t r = 0; r < step.rows.size(); ++r) z[int64_t(r)] += step.strengths[r] * more[int64_t(r)];
  }

 private:
  const Model& model_;
  Companion again_;
  bool ahead_;
};

TEST(Generator, StreamsInThePassOfTheRowsHaveTheBitsOfStreamsReadAlone) {
  const auto model = tiny_model();
  const auto run = [&](bool ahead, size_t rows) {
    auto requests = many_requests();
    for (Request& r : requests) r.strengths = {r.sample % 3 ? 0.5f : 0.0f, r.sample % 2 ? 0.25f : 0.0f};
    std::vector<std::unique_ptr<Session>> sessions;
    sessions.push_back(std::make_unique<Echo>(*model, ahead));
    sessions.push_back(std::make_unique<Echo>(*model, ahead));
    return decode(model, requests, rows, std::move(sessions));
  };
  const Outcome alone = run(false, 25), beside = run(true, 25);
  expect_same_bits(alone, beside);
  expect_same_bits(beside, run(true, 3));
  const Outcome plain = decode(model, many_requests(), 25);
  for (const auto& [key, steps] : plain.logits) {
    const auto& changed = beside.logits.at(key);
    EXPECT_EQ(std::memcmp(steps[0].data(), changed[0].data(), steps[0].size() * sizeof(float)) == 0, key.second == 0)
        << key.second;
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

TEST(Generator, RefusesWhatCannotWork) {
  Generator generator(tiny_model(), {});
  EXPECT_THROW(generator.submit(request(0, 0, {})), ConfigError);
  EXPECT_THROW(generator.submit(request(0, 0, {1}, 0)), ConfigError);
  EXPECT_THROW(generator.submit(request(0, 0, {1}, 100000)), ConfigError);
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
