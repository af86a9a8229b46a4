#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/self_debiasing/fit.h"
#include "tests/methods/method_checks.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using namespace self_debiasing;

using namespace testing_support;

constexpr const char* kFixture = "self_debiasing";

TEST(DebiasLogits, TakesFromTokensThatBecomeLikelierAndNeverMoreThanTheFloor) {
  // p = (1/2, 1/4, 1/4); the likeliest behind the two descriptions are (1/2, 1/2, 5/8).
  std::vector<float> z = {std::log(0.5f), std::log(0.25f), std::log(0.25f)};
  const std::vector<float> before = z,
                           biased = {std::log(0.25f),        std::log(0.5f),          std::log(0.25f),
                                     3.0f + std::log(0.25f), 3.0f + std::log(0.125f), 3.0f + std::log(0.625f)};
  debias_logits(z, biased, /*lambda=*/4.0f, /*epsilon=*/std::exp(-1.25));
  EXPECT_NEAR(z[0], before[0], 1e-6f);
  EXPECT_NEAR(z[1], before[1] - 1.0f, 1e-5f);   // 4 * 1/4
  EXPECT_NEAR(z[2], before[2] - 1.25f, 1e-5f);  // 4 * 3/8 is beyond the floor
}

TEST(DebiasLogits, RemovedTokensStayRemovedAndEqualDescriptionsChangeNothing) {
  const float removed = -std::numeric_limits<float>::infinity();
  std::vector<float> z = {1.0f, removed, 0.5f};
  debias_logits(z, std::vector<float>{0.0f, 2.0f, 0.0f}, 50.0f, 0.01);
  EXPECT_EQ(z[1], removed);
  std::vector<float> same = {0.3f, -2.0f, 1.1f};
  const std::vector<float> before = same;
  debias_logits(same, before, 50.0f, 0.01);
  EXPECT_EQ(same, before);
}

TEST(SelfDebiasingGolden, ScalingReproducesTheFixture) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    std::vector<float> z = floats(fixture.tensor("in.plain"));
    debias_logits(z, floats(fixture.tensor("in.biased")), float(fixture.in("decay")), fixture.in("epsilon"));
    EXPECT_TRUE(fixture.matches(torch::log_softmax(torch::tensor(z), -1), "out.log_probabilities"));
    const torch::Tensor factor = torch::exp(torch::tensor(z) - fixture.tensor("in.plain"));
    EXPECT_TRUE(fixture.matches(factor, "out.factor"));
  });
}

TEST(SelfDebiasingGolden, GreedyRunBehindItsPrefixesReproducesIdsAndProbabilities) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const std::shared_ptr<const Model> model = open_golden(fixture.model("model"));
    std::vector<TokenIds> prefixes;
    for (const std::string& name : fixture.tensors("in.prefix")) prefixes.push_back(token_ids(fixture.tensor(name)));
    const torch::Tensor ids = fixture.tensor("out.ids");
    auto session = std::make_unique<DebiasingSession>(*model, prefixes, fixture.in("epsilon"));
    const auto run = decode(
        model, one_session(std::move(session)),
        {greedy_request(0, token_ids(fixture.tensor("in.prompt")), ids.size(0), {float(fixture.in("decay"))})})[0];
    EXPECT_EQ(run.ids, token_ids(ids));
    EXPECT_TRUE(fixture.matches(torch::log_softmax(run.logits, -1), "out.step_log_probabilities"));
  });
}

class SelfDebiasing : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [family, model] : toys_.all()) {
      DebiasingFit fit;
      fit.output = toys_.file(family);
      fit.prefixes = {"It is loud", "It is cold and long:\n", "x"};
      fit_self_debiasing(*model, fit);
    }
  }
  ToyFamilies toys_;
};

TEST(DebiasingDescriptions, AreTheSixOfThePaperEachALine) {
  ASSERT_EQ(debiasing_descriptions().size(), 6u);
  for (const std::string& line : debiasing_descriptions()) {
    EXPECT_TRUE(line.starts_with("The following text contains "));
    EXPECT_EQ(line.find('\n'), line.size() - 1);
  }
}

TEST_F(SelfDebiasing, FileFromTheFitActsAndFadesWithItsStrength) {
  for (const auto& [family, model] : toys_.all()) {
    SCOPED_TRACE(family);
    EXPECT_EQ(DetoxifierFile::open(toys_.file(family))->info().settings.at("prefixes"),
              Json({"It is loud\n", "It is cold and long:\n", "x\n"}));
    const auto detoxifier = open_detox(toys_.file(family));
    EXPECT_EQ(detoxifier->default_strength(), 50.0f);
    const auto plain = decode_plain(model, kToyPrompt, 8)[0];
    const auto runs = decode_with(model, *detoxifier, kToyPrompt, 8, {1e-5f, 50.0f});
    EXPECT_EQ(runs[0].ids, plain.ids);
    EXPECT_LT(largest_difference(runs[0].logits, plain.logits), 1e-4);
    const torch::Tensor change = runs[1].logits[0] - plain.logits[0];
    EXPECT_LE(change.max().item<float>(), 0.0f);
    EXPECT_NEAR(change.min().item<float>(), std::log(0.01f),
                1e-3f);  // tiny models change their minds entirely: the floor is met
  }
}

TEST_F(SelfDebiasing, RowsDoNotSeeOneAnotherAndSamplesShareTheirPrompt) {
  for (const auto& [family, model] : toys_.all()) {
    SCOPED_TRACE(family);
    testing_support::expect_rows_do_not_see_one_another(model, *open_detox(toys_.file(family)), 10.0f);
    testing_support::expect_samples_of_a_prompt_share_its_reading(model, *open_detox(toys_.file(family)), 10.0f);
  }
}

TEST_F(SelfDebiasing, MalformedFilesAndOptionsAreRefusedInOneLine) {
  const fs::path file = toys_.file("gpt2");
  testing_support::expect_refused(file, [](Json& s) { s.erase("prefixes"); }, "\"prefixes\" is not a list");
  testing_support::expect_refused(
      file, [](Json& s) { s["prefixes"] = Json::array(); }, "\"prefixes\" is not a list of at least one text");
  testing_support::expect_refused(file, [](Json& s) { s["prefixes"] = {"a", 1}; }, "holds a number");
  testing_support::expect_refused(file, [](Json& s) { s["epsilon"] = 0; }, "\"epsilon\" is 0");
  testing_support::expect_refused(file, [](Json& s) { s["epsilon"] = "small"; }, "\"epsilon\" is a string");
  testing_support::expect_option_refused(file, "?epsilon=1", "option \"epsilon\" is not known");
  DebiasingFit fit;
  fit.output = toys_.file("none");
  fit.prefixes = {"a", ""};
  EXPECT_NE(message_of([&] { fit_self_debiasing(*toys_.at("llama"), fit); }).find("is empty"), std::string::npos);
  fit.prefixes = {};
  EXPECT_NE(message_of([&] { fit_self_debiasing(*toys_.at("llama"), fit); }).find("no descriptions"),
            std::string::npos);
}

}  // namespace
}  // namespace limpid
