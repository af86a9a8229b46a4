#include "limpid/decoding/sampler.h"

#include <cmath>
#include <functional>
#include <map>

#include "limpid/core/error.h"
#include "tests/support/golden.h"

namespace limpid {
namespace {

using namespace testing_support;

using Filter = std::function<void(std::span<float>, double setting, const TokenIds& seen)>;

const std::map<std::string, Filter>& filters() {
  static const std::map<std::string, Filter> all = {
      {"temperature", [](auto z, double v, const TokenIds&) { apply_temperature(z, float(v)); }},
      {"top_k", [](auto z, double v, const TokenIds&) { apply_top_k(z, int64_t(v)); }},
      {"top_p", [](auto z, double v, const TokenIds&) { apply_top_p(z, float(v)); }},
      {"min_p", [](auto z, double v, const TokenIds&) { apply_min_p(z, float(v)); }},
      {"typical_p", [](auto z, double v, const TokenIds&) { apply_typical_p(z, float(v)); }},
      {"repetition_penalty",
       [](auto z, double v, const TokenIds& seen) { apply_repetition_penalty(z, seen, float(v)); }},
  };
  return all;
}

TEST(SamplersGolden, FiltersAreThoseOfTransformers) {
  for_each_tensor_fixture("samplers", [](const TensorFixture& fixture) {
    const torch::Tensor logits = fixture.tensor("in.logits"), seen = fixture.tensor("in.ids");
    for (const auto& [name, filter] : filters()) {
      SCOPED_TRACE(name);
      const Json settings = fixture.in().value(name, Json::array());
      for (size_t s = 0; s < settings.size(); ++s)
        for (int64_t row = 0; row < logits.size(0); ++row) {
          std::vector<float> z = floats(logits[row]);
          filter(z, settings[s].get<double>(), token_ids(seen[row]));
          EXPECT_TRUE(fixture.close(torch::tensor(z), fixture.tensor("out." + name)[int64_t(s)][row], "out." + name))
              << settings[s] << ", row " << row;
        }
    }
  });
}

TEST(SamplersGolden, ChainsOfFiltersPickTheTokensOfTransformers) {
  for_each_tensor_fixture("samplers", [](const TensorFixture& fixture) {
    const torch::Tensor logits = fixture.tensor("in.logits"), seen = fixture.tensor("in.ids");
    const Json& settings = fixture.in().at("chain");
    SamplingOptions options;
    options.temperature = settings.value("temperature", 1.0f);
    options.top_k = settings.value("top_k", 0);
    options.top_p = settings.value("top_p", 1.0f);
    options.min_p = settings.value("min_p", 0.0f);
    options.typical_p = settings.value("typical_p", 1.0f);
    options.repetition_penalty = settings.value("repetition_penalty", 1.0f);
    for (int64_t row = 0; row < logits.size(0); ++row) {
      std::vector<float> z = floats(logits[row]);
      apply_filters(z, options, token_ids(seen[row]));
      EXPECT_TRUE(fixture.close(torch::tensor(z), fixture.tensor("out.chain")[row], "out.chain")) << "row " << row;
      EXPECT_EQ(pick(z, fixture.tensor("in.uniforms")[row].item<float>()),
                fixture.tensor("out.picks")[row].item<int64_t>());
    }
  });
}

TEST(Sampler, KeepsTheTokenThatCrossesTopP) {
  std::vector<float> z = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  apply_top_p(z, 0.6f);
  EXPECT_FALSE(std::isinf(z[0]));
  EXPECT_FALSE(std::isinf(z[1]));  // 0.5 < 0.6 <= 0.8
  EXPECT_TRUE(std::isinf(z[2]));
}

TEST(Sampler, AlwaysLeavesOneToken) {
  std::vector<float> z = {1.0f, 0.0f};
  apply_top_p(z, 1e-6f);
  EXPECT_EQ(best(z), 0);
  EXPECT_TRUE(std::isinf(z[1]));
}

TEST(Sampler, PicksTheFirstTokenWhoseMassExceedsTheUniform) {
  const std::vector<float> z = {std::log(0.25f), -INFINITY, std::log(0.75f)};
  EXPECT_EQ(pick(z, 0.0f), 0);
  EXPECT_EQ(pick(z, 0.2f), 0);
  EXPECT_EQ(pick(z, 0.3f), 2);
  EXPECT_EQ(pick(z, 0.9999f), 2);
}

TEST(Sampler, NothingIsOnThatWasNotAskedFor) {
  std::vector<float> z = {3.0f, -40.0f, 0.5f};
  const std::vector<float> before = z;
  apply_filters(z, SamplingOptions{}, TokenIds{0, 1});
  EXPECT_EQ(z, before);
}

TEST(Sampler, RefusesSettingsThatMakeNoSense) {
  SamplingOptions options;
  options.top_p = 0.0f;
  EXPECT_THROW(options.check(), ConfigError);
  options = {};
  options.temperature = -1.0f;
  EXPECT_THROW(options.check(), ConfigError);
}

}  // namespace
}  // namespace limpid
