#include "limpid/methods/toxification_reversal/fit.h"
#include "tests/methods/method_checks.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using namespace toxification_reversal;

using namespace testing_support;

constexpr const char* kFixture = "toxification_reversal";

TEST(ReverseHeads, TakesTheDifferenceAwayAndKeepsTheLength) {
  std::vector<float> v = {3, 4};
  const std::vector<float> pos = {1, 1}, neg = {4, 1}, end = {-1, 0};  // delta (3, 0)
  reverse_heads(v, pos, neg, end, /*heads=*/1, 1.0f, {.norm = 0.0, .similarity = 0.6});
  EXPECT_NEAR(v[0], 0.0f, 1e-6f);  // (3, 4) - (3, 0), made 5 long again
  EXPECT_NEAR(v[1], 5.0f, 1e-6f);
}

TEST(ReverseHeads, BothFactorsGrowAsTheirExponentsSay) {
  std::vector<float> v = {1, 0, 0, 2};  // two heads
  const std::vector<float> pos = {0, 0, 0, 0}, neg = {0, 3, 0, 0}, end = {5, 0, 0, 1};
  reverse_heads(v, pos, neg, end, /*heads=*/2, 1.0f, {.norm = 0.5, .similarity = 1.0});
  const float own = -(2.0f * 2.0f * 3.0f),
              scale = std::sqrt(5.0f / (1.0f + own * own + 4.0f));  // (1 + 3)^0.5, (1 + cos 0)^1
  EXPECT_NEAR(v[0], scale, 1e-6f);
  EXPECT_NEAR(v[1], scale * own, 1e-5f);
  EXPECT_NEAR(v[3], scale * 2.0f, 1e-6f);  // the second head has no difference
}

TEST(ReverseHeads, EqualStreamsChangeNotABitAndStrengthScalesTheDifference) {
  std::vector<float> v = {0.3f, -1.7f, 2.2f, 0.9f};
  const std::vector<float> before = v, pos = {1, 2, 3, 4}, end = {1, 1, 1, 1};
  reverse_heads(v, pos, pos, end, 2, 1.0f);
  EXPECT_EQ(v, before);
  std::vector<float> doubled = before;
  reverse_heads(v, pos, std::vector<float>{3, 2, 3, 4}, end, 2, 1.0f);
  reverse_heads(doubled, pos, std::vector<float>{2, 2, 3, 4}, end, 2, 2.0f);
  EXPECT_EQ(v, doubled);
}

ReversalExponents exponents_of(const TensorFixture& fixture) {
  return {fixture.in("norm_exponent"), fixture.in("similarity_exponent")};
}

TEST(ToxificationReversalGolden, HeadsReproduceTheFixture) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    torch::Tensor v = fixture.tensor("in.v").clone();
    std::vector<float> values = floats(v);
    reverse_heads(values, floats(fixture.tensor("in.v_pos")), floats(fixture.tensor("in.v_neg")),
                  floats(fixture.tensor("in.v_negend")), size_t(v.size(0)), 1.0f, exponents_of(fixture));
    EXPECT_TRUE(fixture.matches(torch::tensor(values).view_as(v), "out.v_new"));
  });
}

TEST(ToxificationReversalGolden, GreedyRunsOfEveryFamilyReproduceIdsAndLogits) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    fixture.for_each_role("prompt", [&](const std::string& role) {
      const std::shared_ptr<const Model> model = open_golden(fixture.model(role));
      const torch::Tensor ids = fixture.tensor("out." + role + "_ids");
      auto session = std::make_unique<ReversalSession>(*model, token_ids(fixture.tensor("in." + role + "_prefix")),
                                                       exponents_of(fixture));
      const auto run =
          decode(model, one_session(std::move(session)),
                 {greedy_request(0, token_ids(fixture.tensor("in." + role + "_prompt")), ids.size(0), {1.0f})})[0];
      EXPECT_EQ(run.ids, token_ids(ids));
      EXPECT_TRUE(fixture.matches(run.logits, "out." + role + "_logits"));
    });
  });
}

class ToxificationReversal : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [family, model] : toys_.all()) {
      ReversalFit fit;
      fit.output = toys_.file(family);
      fit_toxification_reversal(*model, fit);
    }
  }
  ToyFamilies toys_;
};

TEST_F(ToxificationReversal, FileFromTheFitActsAndFadesWithItsStrength) {
  for (const auto& [family, model] : toys_.all()) {
    SCOPED_TRACE(family);
    const auto detoxifier = open_detox(toys_.file(family));
    EXPECT_EQ(detoxifier->default_strength(), 1.0f);
    EXPECT_EQ(detoxifier->name(), "toxification-reversal");
    const auto plain = decode_plain(model, kToyPrompt, 8)[0];
    const auto runs = decode_with(model, *detoxifier, kToyPrompt, 8, {1e-5f, 1.0f});
    EXPECT_EQ(runs[0].ids, plain.ids);
    EXPECT_LT(largest_difference(runs[0].logits, plain.logits), 1e-2);
    EXPECT_GT(largest_difference(runs[1].logits[0], plain.logits[0]), 0.1);
  }
}

TEST_F(ToxificationReversal, RowsDoNotSeeOneAnotherAndSamplesShareTheirPrompt) {
  for (const auto& [family, model] : toys_.all()) {
    SCOPED_TRACE(family);
    testing_support::expect_rows_do_not_see_one_another(model, *open_detox(toys_.file(family)), 1.0f);
    testing_support::expect_samples_of_a_prompt_share_its_reading(model, *open_detox(toys_.file(family)), 1.0f);
  }
}

TEST_F(ToxificationReversal, MalformedFilesAndOptionsAreRefusedInOneLine) {
  const fs::path file = toys_.file("llama");
  testing_support::expect_refused(file, [](Json& s) { s.erase("prefix"); }, "\"prefix\" is missing");
  testing_support::expect_refused(file, [](Json& s) { s["prefix"] = 3; }, "\"prefix\" is a number");
  testing_support::expect_refused(file, [](Json& s) { s["norm_exponent"] = "0.4"; }, "\"norm_exponent\" is a string");
  testing_support::expect_refused(file, [](Json& s) { s["similarity_exponent"] = -1; }, "expected 0 or more");
  testing_support::expect_option_refused(file, "?rule=linear", "option \"rule\" is not known");
  ReversalFit fit;
  fit.output = toys_.file("none");
  fit.prefix = "";
  EXPECT_NE(message_of([&] { fit_toxification_reversal(*toys_.at("llama"), fit); }), "");
  EXPECT_FALSE(fs::exists(fit.output));
}

}  // namespace
}  // namespace limpid
