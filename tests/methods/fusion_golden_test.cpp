#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/methods/fusion/fusion.h"
#include "tests/methods/decode.h"
#include "tests/support/golden_model.h"
#include "tests/support/reading_session.h"

namespace limpid {
namespace {

using namespace fusion;

using testing_support::decode;
using testing_support::floats;
using testing_support::for_each_tensor_fixture;
using testing_support::greedy_request;
using testing_support::one_session;
using testing_support::open_golden;
using testing_support::ReadingBench;
using testing_support::Skipped;
using testing_support::TensorFixture;
using testing_support::token_ids;

struct Given {
  const TensorFixture& fixture;
  std::shared_ptr<const Model> target = open_golden(fixture.model("target")),
                               calibrator = open_golden(fixture.model("calibrator"));
  TokenIds prompt = token_ids(fixture.tensor("in.prompt"));
  std::vector<float> alphas = floats(fixture.tensor("in.alphas")), uniforms = floats(fixture.tensor("in.uniforms"));
  StateMap map{fixture.tensor("in.A")};

  /// The strengths of `runs` runs: all alphas, or those between the ends, as the sampled ones have it.
  std::vector<float> strengths_of(int64_t runs) const {
    std::vector<float> inner;
    for (float a : alphas)
      if (a > 0.0f && a < 1.0f) inner.push_back(a);
    for (const auto& list : {alphas, inner})
      if (std::ssize(list) == runs) return list;
    throw Skipped(concat("it has ", runs, " runs for ", alphas.size(), " alphas"));
  }

  void expect_runs(Readout readout, const std::string& name, bool sampled) const {
    SCOPED_TRACE(name);
    const torch::Tensor ids = fixture.tensor("out." + name + "_ids"),
                        logits = fixture.tensor("out." + name + "_logits");
    const std::vector<float> strengths = strengths_of(ids.size(0));
    std::vector<Request> requests;
    for (size_t i = 0; i < strengths.size(); ++i) {
      requests.push_back(greedy_request(i, prompt, ids.size(1), {strengths[i]}));
      requests.back().sampling.greedy = !sampled;
    }
    FusionParts parts{readout, nullptr, nullptr, {}};
    if (readout != Readout::Temperature) parts = {readout, calibrator, nullptr, map};
    const auto runs = decode(target, one_session(FusionDetoxifier(parts).open(*target)), requests,
                             sampled ? uniforms : std::vector<float>());
    for (size_t i = 0; i < strengths.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "a = " << strengths[i]);
      EXPECT_EQ(runs[i].ids, token_ids(ids[int64_t(i)]));
      EXPECT_TRUE(fixture.close(runs[i].logits, logits[int64_t(i)], "out." + name + "_logits"));
    }
  }
};

TEST(FusionGenerateGolden, GreedyRunsOfBothScalingsReproduceIdsAndLogitsAllStrengthsInOneBatch) {
  for_each_tensor_fixture("fusion_generate", [](const TensorFixture& fixture) {
    const Given given{fixture};
    given.expect_runs(Readout::LayerNorm, "layer_norm", /*sampled=*/false);
    given.expect_runs(Readout::Scale, "rms", /*sampled=*/false);
  });
}

TEST(FusionGenerateGolden, SampledRunsAndTheirTemperatureControlReproduceIdsAndLogits) {
  for_each_tensor_fixture("fusion_generate", [](const TensorFixture& fixture) {
    const Given given{fixture};
    given.expect_runs(Readout::LayerNorm, "sampled", /*sampled=*/true);
    given.expect_runs(Readout::Temperature, "control", /*sampled=*/true);
  });
}

TEST(FusionGenerateGolden, CalibratorStatesHaveTheFullContextAtEveryStep) {
  for_each_tensor_fixture("fusion_generate", [](const TensorFixture& fixture) {
    const Given given{fixture};
    const torch::Tensor ids = fixture.tensor("out.layer_norm_ids"), expected = fixture.tensor("out.layer_norm_c");
    for (int64_t run = 0; run < ids.size(0); ++run) {
      ReadingBench bench(given.target, {{.model = given.calibrator}});
      ActiveRow row = bench.row(given.prompt);
      for (int64_t step = 0; step < ids.size(1); ++step) {
        const torch::Tensor c = bench.states({&row});
        EXPECT_TRUE(fixture.close(c[0], expected[run][step], "out.layer_norm_c")) << "run " << run << ", step " << step;
        row.row.new_ids.push_back(TokenId(ids[run][step].item<int64_t>()));
      }
    }
  });
}

TEST(FusionGenerateGolden, ReleasedRuns) {
  GTEST_SKIP() << "skipped: out.released_* copy a defect of the published code (the calibrator loses its context after "
                  "the first token), which Limpid does not have";
}

}  // namespace
}  // namespace limpid
