#include "limpid/decoding/kl_probe.h"

#include <map>

#include "limpid/decoding/generator.h"
#include "limpid/decoding/logits.h"
#include "tests/support/fixtures.h"
#include "tests/support/tiny_model.h"

namespace limpid {
namespace {

using namespace testing_support;

/// Keeps the two likeliest tokens.
class TwoBest final : public Session {
  void logits(const Step& step, Tensor& z) override {
    parallel_rows(step, z, [](size_t, std::span<float> row) { apply_top_k(row, 2); });
  }
};

/// Returns the divergence per token of a text behind {5, 6, 7}: of p restricted to a set, -log of the set's mass.
double expected_divergence(const Model& model, const TokenIds& written) {
  TokenIds text = {5, 6, 7};
  double sum = 0.0;
  for (TokenId next : written) {
    nn::KvCache cache = model.make_cache();
    const nn::Sequence sequence{&cache, text};
    nn::Pass pass({&sequence, 1});
    const Tensor p = torch::softmax(model.output_matrix(model.final_state(pass, Outputs::Last))[0], -1);
    sum -= std::log(std::get<0>(p.topk(2)).sum().item<double>());
    text.push_back(next);
  }
  return sum / double(written.size());
}

/// A generator whose sessions keep the two best tokens, with a probe behind them.
struct Probed {
  std::shared_ptr<Model> model = tiny_model();
  KlTotals totals;
  std::vector<float> strengths = {1.0f};
  std::unique_ptr<Generator> generator;
  std::map<uint64_t, TokenIds> written;

  Probed() {
    std::vector<std::unique_ptr<Session>> sessions;
    sessions.push_back(std::make_unique<TwoBest>());
    add_kl_probe(*model, totals, sessions, strengths);
    generator = std::make_unique<Generator>(model, std::move(sessions), GeneratorOptions());
  }
  void submit(uint64_t prompt, bool measured) {
    strengths[1] = measured ? 1.0f : 0.0f;
    generator->submit({.prompt = prompt,
                       .prompt_ids = {5, 6, 7},
                       .sampling = {.seed = 3},
                       .stop = {.max_new_tokens = 6},
                       .strengths = strengths});
  }
  void run() {
    generator->run([&](Completion completion) { written[completion.prompt] = completion.ids; });
  }
};

TEST(KlProbe, MeasuresTheSessionsBeforeItWhereItIsAskedAndReadsNoFurther) {
  Probed both;
  both.submit(0, true);
  both.submit(1, false);
  both.run();
  ASSERT_EQ(both.totals.size(), 1u);
  EXPECT_EQ(both.generator->tokens_read_along(), 3u + 5);
  const KlTotal total = both.totals.at({0, 0});
  EXPECT_EQ(total.tokens, 6u);
  EXPECT_NEAR(total.mean(), expected_divergence(*both.model, both.written.at(0)), 1e-4);
  EXPECT_EQ(sum_of(both.totals).sum, total.sum);
}

TEST(KlProbe, ATextHasTheSameBitsAloneAndAmongOthers) {
  Probed alone, among;
  alone.submit(2, true);
  for (uint64_t prompt : {0, 1, 2, 3}) among.submit(prompt, true);
  alone.run();
  among.run();
  EXPECT_EQ(alone.written.at(2), among.written.at(2));
  EXPECT_EQ(alone.totals.at({2, 0}).sum, among.totals.at({2, 0}).sum);
}

}  // namespace
}  // namespace limpid
