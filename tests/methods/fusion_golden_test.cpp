#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/methods/fusion/fusion.h"
#include "tests/methods/decode.h"
#include "tests/methods/golden.h"
#include "tests/methods/toy_models.h"
#include "tests/support/reading_session.h"

namespace limpid {
namespace {

using testing_support::decode;
using testing_support::greedy_request;
using testing_support::MethodFixture;
using testing_support::one_session;
using testing_support::open_exact;
using testing_support::ReadingBench;
using testing_support::Written;

constexpr const char* kFixture = "fusion_generate";

std::vector<float> floats(const torch::Tensor& x) {
  return {x.const_data_ptr<float>(), x.const_data_ptr<float>() + x.numel()};
}

TokenIds token_ids(const torch::Tensor& x) {
  const torch::Tensor flat = x.contiguous();
  return {flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel()};
}

struct Given {
  MethodFixture fixture{kFixture};
  std::shared_ptr<const Model> target = open_exact(fixture.model("target")),
                               calibrator = open_exact(fixture.model("calibrator"));
  TokenIds prompt = token_ids(fixture.tensor("in.prompt"));
  std::vector<float> alphas = floats(fixture.tensor("in.alphas")), uniforms = floats(fixture.tensor("in.uniforms"));
  StateMap map{fixture.tensor("in.A")};

  /// The strengths of runs that leave out the ends, as the sampled ones do.
  std::vector<float> inner_alphas() const {
    std::vector<float> inner;
    for (float a : alphas)
      if (a > 0.0f && a < 1.0f) inner.push_back(a);
    return inner;
  }

  void expect_runs(Readout readout, const std::vector<float>& strengths, const std::string& name, bool sampled) {
    SCOPED_TRACE(name);
    const torch::Tensor ids = fixture.tensor("out." + name + "_ids"),
                        logits = fixture.tensor("out." + name + "_logits");
    ASSERT_EQ(ids.size(0), int64_t(strengths.size()));
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
  LIMPID_REQUIRE_FIXTURE(kFixture);
  Given given;
  given.expect_runs(Readout::LayerNorm, given.alphas, "layer_norm", /*sampled=*/false);
  given.expect_runs(Readout::Scale, given.alphas, "rms", /*sampled=*/false);
}

TEST(FusionGenerateGolden, SampledRunsAndTheirTemperatureControlReproduceIdsAndLogits) {
  LIMPID_REQUIRE_FIXTURE(kFixture);
  Given given;
  given.expect_runs(Readout::LayerNorm, given.inner_alphas(), "sampled", /*sampled=*/true);
  given.expect_runs(Readout::Temperature, given.inner_alphas(), "control", /*sampled=*/true);
}

TEST(FusionGenerateGolden, CalibratorStatesHaveTheFullContextAtEveryStep) {
  LIMPID_REQUIRE_FIXTURE(kFixture);
  Given given;
  const torch::Tensor ids = given.fixture.tensor("out.layer_norm_ids"),
                      expected = given.fixture.tensor("out.layer_norm_c");
  for (int64_t run = 0; run < ids.size(0); ++run) {
    ReadingBench bench(given.target, {{.model = given.calibrator}});
    ActiveRow row = bench.row(given.prompt);
    for (int64_t step = 0; step < ids.size(1); ++step) {
      const torch::Tensor c = bench.states({&row});
      EXPECT_TRUE(given.fixture.close(c[0], expected[run][step], "out.layer_norm_c"))
          << "run " << run << ", step " << step;
      row.row.new_ids.push_back(TokenId(ids[run][step].item<int64_t>()));
    }
  }
}

TEST(FusionGenerateGolden, ReleasedRuns) {
  GTEST_SKIP() << "skipped: out.released_* copy a defect of the published code (methods.md 1.6 item 1: the calibrator "
                  "loses its context "
                  "after the first token), which Limpid does not have";
}

}  // namespace
}  // namespace limpid
