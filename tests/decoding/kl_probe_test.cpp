#include "limpid/decoding/kl_probe.h"

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

TEST(KlProbe, MeasuresTheSessionsBeforeItUpToItsLimitAndReadsNoFurther) {
  const auto model = tiny_model();
  KlTotal total{.limit = 5};
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<float> strengths = {1.0f};
  sessions.push_back(std::make_unique<TwoBest>());
  add_kl_probe(*model, total, sessions, strengths);
  double expected = 0.0;
  GeneratorOptions options;
  Generator generator(model, std::move(sessions), options);
  generator.submit(
      {.prompt_ids = {5, 6, 7}, .sampling = {.greedy = true}, .stop = {.max_new_tokens = 12}, .strengths = strengths});
  TokenIds written;
  generator.run([&](Completion completion) { written = completion.ids; });
  EXPECT_EQ(total.tokens, 5u);
  EXPECT_EQ(generator.tokens_read_along(), 3u + 4);

  TokenIds text = {5, 6, 7};
  for (size_t step = 0; step < 5; ++step) {
    nn::KvCache cache = model->make_cache();
    const nn::Sequence sequence{&cache, text};
    nn::Pass pass({&sequence, 1});
    const Tensor p = torch::softmax(model->output_matrix(model->final_state(pass, Outputs::Last))[0], -1);
    expected -= std::log(std::get<0>(p.topk(2)).sum().item<double>());  // KL of p restricted to a set: -log of its mass
    text.push_back(written[step]);
  }
  EXPECT_NEAR(total.sum, expected, 1e-4);
  EXPECT_NEAR(total.mean(), expected / 5, 1e-4);
}

}  // namespace
}  // namespace limpid
