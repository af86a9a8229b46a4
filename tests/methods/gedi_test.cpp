#include "limpid/decoding/judge.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/gedi/fit.h"
#include "tests/methods/method_checks.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using namespace gedi;

using namespace testing_support;

constexpr const char* kFixture = "gedi";
constexpr float kRemoved = -std::numeric_limits<float>::infinity();

GediRule rule_of(const TensorFixture& fixture) {
  const Json& in = fixture.in();
  return {.scale = in.at("scale"),
          .bias = in.at("bias").get<std::array<double, 2>>(),
          .class_bias = in.at("class_bias").at(0),
          .filter_p = in.at("filter_p"),
          .target_p = in.at("target_p_before")};
}

TEST(LogClean, IsTheLogisticOfTheScaledMeanDifferencePerToken) {
  const std::vector<float> logp = {-1.0f, -2.0f, -3.0f, -2.0f};  // clean, then dirty, of two tokens
  const auto clean = log_clean({-4.0, -6.0}, logp, /*t=*/4, {.scale = 2.0, .bias = {0.5, 0.25}, .class_bias = 1.0});
  EXPECT_NEAR(clean[0], std::log(1.0 / (1.0 + std::exp(-(2.0 * 4.0 / 4.0 + 1.25)))), 1e-6);  // (-5) - (-9)
  EXPECT_NEAR(clean[1], std::log(1.0 / (1.0 + std::exp(-(2.0 * 2.0 / 4.0 + 1.25)))), 1e-6);  // (-6) - (-8)
}

TEST(GuideLogits, RemovesTheLeastCleanTokensUpToTheShareOfMassAndSparesThoseThatAreCleanEnough) {
  const std::vector<float> clean = {std::log(0.9f), std::log(0.2f), std::log(0.3f), std::log(0.95f)};
  const GediRule rule{.class_bias = 0.0, .filter_p = 0.75, .target_p = 0.8};
  std::vector<float> z(4, 0.0f);  // a quarter of the mass each, omega 0
  guide_logits(z, clean, 0.0f, rule);
  EXPECT_EQ(z[1], kRemoved);                 // 0.25
  EXPECT_EQ(z[2], kRemoved);                 // 0.5
  EXPECT_NEAR(z[0], std::log(0.25f), 1e-6);  // clean enough, although 0.75 comes with it
  z.assign(4, 0.0f);
  guide_logits(z, {clean.data(), 4}, 1.0f, rule);
  EXPECT_NEAR(z[3], std::log(0.25f * 0.95f), 1e-6);
  z = {0.0f, 0.0f};
  guide_logits(z, std::vector<float>{-9.0f, -9.0f}, 30.0f, {.filter_p = 0.999});
  EXPECT_TRUE(std::isfinite(z[1])) << "one token stays";
}

TEST(GediRule, ClassBiasMovesTheTargetAndNumbersOutOfRangeAreRefused) {
  EXPECT_NEAR((GediRule{.class_bias = 2.0, .target_p = 0.8}.moved_target_p()), 0.967273443634614, 1e-12);
  for (const auto& [rule, says] : {std::pair{GediRule{.filter_p = 1.0}, "filter_p is 1"},
                                   {GediRule{.filter_p = -0.1}, "filter_p is -0.1"},
                                   {GediRule{.target_p = 1.0}, "target_p is 1"},
                                   {GediRule{.scale = std::nan("")}, "are numbers"}})
    EXPECT_NE(message_of([&] { rule.check(); }).find(says), std::string::npos) << says;
}

TEST(GediGolden, OneStepOnGivenLogitsReproducesTheFixture) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const GediRule rule = rule_of(fixture);
    EXPECT_TRUE(fixture.matches(rule.moved_target_p(), "target_p"));
    const std::vector<float> sums = floats(fixture.tensor("in.log_r"));
    const auto clean = log_clean({sums[0], sums[1]}, floats(torch::log_softmax(fixture.tensor("in.codes_logits"), -1)),
                                 size_t(fixture.in("t")), rule);
    EXPECT_TRUE(fixture.matches(torch::tensor(clean), "out.clean"));
    std::vector<float> z = floats(fixture.tensor("in.lm"));
    guide_logits(z, clean, float(fixture.in("omega")), rule);
    EXPECT_TRUE(torch::equal(torch::isinf(torch::tensor(z)).to(torch::kInt64), fixture.tensor("out.removed")));
    EXPECT_TRUE(fixture.matches(torch::tensor(z), "out.logits"));
  });
}

TEST(GediGolden, GreedyRunReproducesIdsAndLogitsButForTokensAtTheFiltersEdge) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const std::shared_ptr<const Model> model = open_golden(fixture.model("model")),
                                       guide = open_golden(fixture.model("guide"));
    const auto codes = fixture.in().at("codes").get<std::vector<TokenId>>();
    const torch::Tensor ids = fixture.tensor("out.ids");
    auto session = std::make_unique<GediSession>(
        *model, guide, std::array<TokenIds, 2>{TokenIds{codes[0]}, TokenIds{codes[1]}}, rule_of(fixture));
    const auto run = decode(
        model, one_session(std::move(session)),
        {greedy_request(0, token_ids(fixture.tensor("in.prompt")), ids.size(0), {float(fixture.in("omega"))})})[0];
    EXPECT_EQ(run.ids, token_ids(ids));
    const torch::Tensor expected = fixture.tensor("out.step_logits");
    const torch::Tensor edge = torch::isinf(run.logits).logical_xor(torch::isinf(expected));
    EXPECT_LE(edge.sum().item<int64_t>(), (ids.numel() + 11) / 12);  // 2 in 24 steps
    EXPECT_TRUE(fixture.close(run.logits.masked_fill(edge, 0.0), expected.masked_fill(edge, 0.0), "out.step_logits"));
  });
}

class Gedi : public testing::Test {
 protected:
  void SetUp() override {
    GediFit fit = this->fit();
    fit_gedi(*target_, fit);
  }
  GediFit fit() const {
    GediFit fit;
    fit.output = file_;
    fit.guide = guide_;
    fit.codes = {"clean", "#5#6"};
    fit.rule.scale = 1.5;
    return fit;
  }
  TempDir folder_;
  std::shared_ptr<const Model> target_ = open_exact(write_toy_llama(folder_.path() / "target", {.seed = 1}));
  fs::path guide_ = write_toy_gpt2(folder_.path() / "guide", {.width = 16, .seed = 2}),
           file_ = folder_.path() / "g.detox.safetensors";
};

TEST_F(Gedi, FileHoldsTheCodesAndEveryStepIsTheRuleOnSumsThatWereReadAnew) {
  const Json settings = DetoxifierFile::open(file_)->info().settings;
  const TokenIds clean = settings.at("clean").get<TokenIds>(), dirty = {5, 6};
  EXPECT_EQ(clean, target_->tokenizer()->encode("clean", true));
  EXPECT_EQ(settings.at("dirty").get<TokenIds>(), dirty);
  const auto detoxifier = open_detox(file_, "?filter_p=0.5");
  EXPECT_EQ(detoxifier->default_strength(), 30.0f);
  const auto run = decode_with(target_, *detoxifier, kToyPrompt, 20, {3.0f})[0];
  const auto guide = open_exact(guide_);
  TokenIds text = kToyPrompt;
  for (size_t step = 0; step < run.ids.size(); ++step) {
    std::array<double, 2> sums{};
    std::vector<torch::Tensor> logp;
    for (size_t c = 0; c < 2; ++c) {
      TokenIds behind = c == 0 ? clean : dirty;
      const auto read = continuation_likelihoods(*guide, behind, {&text, 1});
      for (double nll : read[0]) sums[c] -= nll;
      behind.insert(behind.end(), text.begin(), text.end());
      logp.push_back(torch::log_softmax(guide->output_matrix(testing_support::state_of(*guide, behind)), -1)[0]);
    }
    std::vector<float> z = floats(target_->output_matrix(testing_support::state_of(*target_, text)));
    const GediRule rule{.scale = 1.5, .filter_p = 0.5};
    guide_logits(z, log_clean(sums, floats(torch::cat(logp)), text.size() + 1, rule), 3.0f, rule);
    EXPECT_TRUE(torch::allclose(torch::tensor(z), run.logits[int64_t(step)], 1e-4, 1e-4)) << "step " << step;
    text.push_back(run.ids[step]);
  }
}

TEST_F(Gedi, RowsDoNotSeeOneAnotherAndSamplesShareTheirPrompt) {
  testing_support::expect_rows_do_not_see_one_another(target_, *open_detox(file_), 2.0f);
  testing_support::expect_samples_of_a_prompt_share_its_reading(target_, *open_detox(file_, "?filter_p=0"), 0.1f);
}

TEST_F(Gedi, BadCodesVocabulariesAndFilesAreRefusedInOneLine) {
  const auto refused = [&](const std::function<void(GediFit&)>& damage, const char* says) {
    GediFit bad = fit();
    bad.output = folder_.path() / "bad.detox.safetensors";
    damage(bad);
    const std::string message = message_of([&] { fit_gedi(*target_, bad); });
    EXPECT_NE(message.find(says), std::string::npos) << message;
  };
  refused([](GediFit& f) { f.codes[0] = ""; }, "has no tokens");
  refused([](GediFit& f) { f.codes[1] = "#x"; }, "expected a text, or ids as #5");
  refused([](GediFit& f) { f.codes[1] = "#257"; }, "id 257 is outside the vocabulary of 257");
  refused([](GediFit& f) { f.codes = {"#5", "#5"}; }, "have the same code");
  refused([](GediFit& f) { f.rule.target_p = 2.0; }, "target_p is 2");
  refused([&](GediFit& f) { f.guide = write_toy_gpt2(folder_.path() / "wider", {.width = 16, .merges = {"t h"}}); },
          "the guide has a vocabulary of 258");
  testing_support::expect_refused(file_, [](Json& s) { s.erase("clean"); }, "\"clean\" is missing");
  testing_support::expect_refused(file_, [](Json& s) { s["dirty"] = {900}; }, "id 900 is outside");
  testing_support::expect_refused(file_, [](Json& s) { s["bias"] = 1; }, "\"bias\" is a number");
  testing_support::expect_refused(file_, [](Json& s) { s["filter_p"] = 3; }, "filter_p is 3");
  testing_support::expect_option_refused(file_, "?omega=1", "option \"omega\" is not known");
  testing_support::expect_option_refused(file_, "?filter_p=x", "is no number");
}

}  // namespace
}  // namespace limpid
