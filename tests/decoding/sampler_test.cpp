#include "limpid/decoding/sampler.h"

#include <cmath>

#include "limpid/core/error.h"
#include "tests/support/golden.h"

namespace limpid {
namespace {

using namespace testing_support;

std::vector<float> row_of(const torch::Tensor& logits, int64_t row) {
  const torch::Tensor one = logits[row].contiguous();
  return std::vector<float>(one.data_ptr<float>(), one.data_ptr<float>() + one.numel());
}

void expect_same(const std::vector<float>& mine, const torch::Tensor& expected) {
  const torch::Tensor flat = expected.contiguous();
  const float* values = flat.data_ptr<float>();
  for (size_t i = 0; i < mine.size(); ++i) {
    ASSERT_EQ(std::isinf(mine[i]), std::isinf(values[i])) << "token " << i;
    if (!std::isinf(values[i])) ASSERT_NEAR(mine[i], values[i], 1e-6 + 1e-6 * std::fabs(values[i])) << "token " << i;
  }
}

template <class Apply>
void check_filter(const std::string& name, const Json& about, const Checkpoint& golden, Apply apply) {
  SCOPED_TRACE(name);
  const torch::Tensor logits = tensor(golden, "in.logits"), seen = tensor(golden, "in.ids"),
                      expected = tensor(golden, "out." + name);
  const Json& settings = about["in"][name];
  for (size_t s = 0; s < settings.size(); ++s)
    for (int64_t row = 0; row < logits.size(0); ++row) {
      std::vector<float> z = row_of(logits, row);
      apply(std::span<float>(z), settings[s].get<double>(), ids(seen[row]));
      expect_same(z, expected[int64_t(s)][row]);
    }
}

TEST(SamplersGolden, FiltersAreThoseOfTransformers) {
  const fs::path folder = golden_dir() / "methods";
  LIMPID_REQUIRE_PATH(folder / "samplers.safetensors");
  const Json about = read_json(folder / "samplers.json");
  const auto golden = SafetensorsFile::open(folder / "samplers.safetensors");
  check_filter("temperature", about, *golden,
               [](auto z, double v, const TokenIds&) { apply_temperature(z, float(v)); });
  check_filter("top_k", about, *golden, [](auto z, double v, const TokenIds&) { apply_top_k(z, int64_t(v)); });
  check_filter("top_p", about, *golden, [](auto z, double v, const TokenIds&) { apply_top_p(z, float(v)); });
  check_filter("min_p", about, *golden, [](auto z, double v, const TokenIds&) { apply_min_p(z, float(v)); });
  check_filter("typical_p", about, *golden, [](auto z, double v, const TokenIds&) { apply_typical_p(z, float(v)); });
  check_filter("repetition_penalty", about, *golden,
               [](auto z, double v, const TokenIds& seen) { apply_repetition_penalty(z, seen, float(v)); });

  const torch::Tensor logits = tensor(*golden, "in.logits"), seen = tensor(*golden, "in.ids"),
                      chain = tensor(*golden, "out.chain");
  const torch::Tensor uniforms = tensor(*golden, "in.uniforms"), picks = tensor(*golden, "out.picks");
  const Json& settings = about["in"]["chain"];
  SamplingOptions options;
  options.temperature = settings.value("temperature", 1.0f);
  options.top_k = settings.value("top_k", 0);
  options.top_p = settings.value("top_p", 1.0f);
  options.min_p = settings.value("min_p", 0.0f);
  options.typical_p = settings.value("typical_p", 1.0f);
  options.repetition_penalty = settings.value("repetition_penalty", 1.0f);
  for (int64_t row = 0; row < logits.size(0); ++row) {
    std::vector<float> z = row_of(logits, row);
    apply_filters(z, options, ids(seen[row]));
    expect_same(z, chain[row]);
    EXPECT_EQ(pick(z, uniforms[row].item<float>()), picks[row].item<int64_t>());
  }
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
