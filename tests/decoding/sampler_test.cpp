#include "limpid/decoding/sampler.h"

#include <cmath>
#include <functional>
#include <map>

#include "limpid/core/error.h"
#include "limpid/core/random.h"
#include "limpid/decoding/logits.h"
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
       [](auto z, double v, const TokenIds& seen) { apply_repetition_penalty(z, {seen}, float(v)); }},
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
      const TokenIds before = token_ids(seen[row]);
      apply_filters(z, options, {before});
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

TEST(Sampler, ABiasIsAddedAndTheLowestRemovesTheToken) {
  std::vector<float> z = {1.0f, 2.0f, 3.0f};
  apply_filters(z, {.greedy = true, .logit_bias = {{0, 1.5f}, {2, kBan}}}, {});
  EXPECT_EQ(z, (std::vector<float>{2.5f, 2.0f, kRemoved}));
}

TEST(Sampler, AnswerPenaltiesCountTheAnswerAndNotThePrompt) {
  std::vector<float> z = {1.0f, 1.0f, 1.0f};
  const TokenIds prompt = {2, 2}, answer = {1, 0, 1};
  apply_filters(z, {.greedy = true, .presence_penalty = 0.5f, .frequency_penalty = 0.25f}, {prompt, answer});
  EXPECT_EQ(z, (std::vector<float>{0.25f, 0.0f, 1.0f}));
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
  const TokenIds seen = {0, 1};
  apply_filters(z, SamplingOptions{}, {seen, seen});
  EXPECT_EQ(z, before);
}

/// Every filter with a setting that makes it act hard.
std::map<std::string, std::function<void(std::span<float>)>> acting_filters() {
  std::map<std::string, std::function<void(std::span<float>)>> all;
  for (const auto& [name, settings] :
       std::map<std::string, std::vector<double>>{{"temperature", {1e-45, 1e-38, 1e-9, 0.7, 1e30}},
                                                  {"top_k", {1, 2}},
                                                  {"top_p", {1e-6, 0.9, 0.999}},
                                                  {"min_p", {1e-6, 1.0}},
                                                  {"typical_p", {1e-6, 0.9, 0.999}},
                                                  {"repetition_penalty", {1e-38, 0.5, 3e38}}})
    for (double setting : settings)
      all[concat(name, " ", setting)] = [filter = filters().at(name), setting](std::span<float> z) {
        filter(z, setting, {0, 1, 2});
      };
  return all;
}

constexpr float kMost = std::numeric_limits<float>::max();

TEST(Sampler, EveryFilterLeavesATokenToDrawOfLogitsOfAnySize) {
  const std::vector<std::vector<float>> rows = {
      {kRemoved, kRemoved, 3.0f, kRemoved},  // one token is left
      {kMost, -kMost, 0.0f, 1.0f},           // differences beyond float32
      {-kMost, -kMost, -kMost, kRemoved},
      {-1e30f, -2e30f, kRemoved, -1e30f},
      {5e9f, 1.0f, 0.0f, -1e9f},
      {1e-40f, -1e-40f, 0.0f, -0.0f},
      {7.0f},
  };
  for (const auto& [name, filter] : acting_filters()) {
    for (const std::vector<float>& row : rows) {
      SCOPED_TRACE(concat(name, " of a row that begins with ", row[0]));
      std::vector<float> z = row;
      filter(z);
      EXPECT_EQ(fault_of(z), nullptr);
      for (float uniform : {0.0f, 0.5f, 0.99999994f}) EXPECT_NE(row[size_t(pick(z, uniform))], kRemoved);
    }
  }
}

TEST(Sampler, RefusesARowThatNoTokenCanBeDrawnFrom) {
  for (const std::vector<float>& row : std::vector<std::vector<float>>{{1.0f, NAN, 0.0f},
                                                                       {NAN, 1.0f, 0.0f},
                                                                       {INFINITY, 1.0f, 0.0f},
                                                                       {1.0f, 0.0f, INFINITY},
                                                                       {kRemoved, kRemoved, kRemoved}}) {
    for (const auto& [name, filter] : acting_filters()) {
      SCOPED_TRACE(name);
      std::vector<float> z = row;
      EXPECT_THROW((filter(z), pick(z, 0.5f)), Error);
    }
    for (const bool greedy : {true, false}) {
      std::vector<float> z = row;
      EXPECT_THROW(sample(z, {.greedy = greedy}, {}, 0.5f), Error);
    }
  }
}

TEST(Sampler, TheLeastTemperatureIsGreedy) {
  for (float temperature : {1e-45f, 1e-38f, 1e-9f}) {
    std::vector<float> z = {3.0f, 5.0f, -2.0f, 4.999f};
    EXPECT_EQ(sample(z, {.temperature = temperature, .top_p = 0.9f}, {}, 0.999f), 1) << temperature;
  }
}

/// A row of nasty numbers: of very different sizes, some tokens removed, some ties.
std::vector<float> nasty_row(RandomStream& random) {
  std::vector<float> z(size_t(1 + random.next_uniform() * 70));
  const float scale = std::pow(10.0f, float(random.next_uniform() * 76.0 - 38.0));
  for (float& value : z) {
    value = scale * float(random.next_normal());
    if (random.next_uniform() < 0.2) value = kRemoved;
    if (random.next_uniform() < 0.1) value = z[0];
    if (std::isinf(value) || std::isnan(value)) value = value > 0 ? kMost : kRemoved;
  }
  if (fault_of(z)) z[0] = -scale;
  return z;
}

TEST(Sampler, DrawsATokenThatWasNotRemovedWhateverTheRowAndTheSettings) {
  RandomStream random(7);
  const auto either = [&](double off, double low, double high) {  // half of the filters are on; sizes are log-uniform
    return random.next_uniform() < 0.5 ? off : low * std::pow(high / low, random.next_uniform());
  };
  for (int round = 0; round < 3000; ++round) {
    const std::vector<float> row = nasty_row(random);
    SamplingOptions options;
    options.temperature = float(either(1.0, 1e-44, 1e38));
    options.top_k = int64_t(either(0, 1, 100));
    options.top_p = float(either(1.0, 1e-6, 1.0));
    options.min_p = float(either(0.0, 1e-6, 1.0));
    options.typical_p = float(either(1.0, 1e-6, 1.0));
    options.repetition_penalty = float(either(1.0, 1e-38, 3e38));
    options.greedy = random.next_uniform() < 0.1;
    options.check();
    std::vector<float> z = row;
    const TokenIds before = {0, 3, 200};
    const TokenId id = sample(z, options, {before}, float(random.next_uniform()));
    ASSERT_TRUE(id >= 0 && size_t(id) < row.size()) << "round " << round;
    ASSERT_NE(row[size_t(id)], kRemoved) << "round " << round;
    ASSERT_EQ(fault_of(z), nullptr) << "round " << round;
  }
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
