#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/dexperts/fit.h"
#include "tests/methods/method_checks.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using namespace dexperts;

using namespace testing_support;

constexpr const char* kFixture = "dexperts";
constexpr float kRemoved = -std::numeric_limits<float>::infinity();
using Kind = TokenMask::Kind;

torch::Tensor combined(const torch::Tensor& base, const torch::Tensor& expert, const torch::Tensor& anti, float s,
                       const TokenMask& mask) {
  torch::Tensor out = base.clone();
  for (int64_t r = 0; r < base.size(0); ++r) {
    torch::Tensor row = out[r];
    combine_experts({row.mutable_data_ptr<float>(), size_t(row.numel())},
                    expert.defined() ? floats(expert[r]) : std::vector<float>(), floats(anti[r]), s, mask);
  }
  return out;
}

TEST(CombineExperts, AddsTheDifferenceToWhatTheMaskOfTheTargetKeeps) {
  // p = (0.6, 0.3, 0.1)
  const std::vector<float> base = {std::log(0.6f), std::log(0.3f), std::log(0.1f)}, expert = {1.0f, 4.0f, 9.0f},
                           anti = {2.0f, 1.0f, 0.0f};
  std::vector<float> z = base;
  combine_experts(z, expert, anti, 2.0f, {Kind::Nucleus, 0.8});
  EXPECT_FLOAT_EQ(z[0], base[0] - 2.0f);
  EXPECT_FLOAT_EQ(z[1], base[1] + 6.0f);
  EXPECT_EQ(z[2], kRemoved);
  z = base;
  combine_experts(z, {}, anti, 0.5f, {Kind::Plausibility, 0.4});  // at least 0.24
  EXPECT_FLOAT_EQ(z[0], 1.5f * base[0] - 1.0f);
  EXPECT_FLOAT_EQ(z[1], 1.5f * base[1] - 0.5f);
  EXPECT_EQ(z[2], kRemoved);
  z = base;
  combine_experts(z, expert, anti, 1.0f, {Kind::None, 1.0});
  EXPECT_FLOAT_EQ(z[2], base[2] + 9.0f);
}

TEST(CombineExperts, TokensRemovedBeforeStayRemovedAlsoWhereTheTargetStandsInForTheExpert) {
  std::vector<float> z = {1.0f, kRemoved, 0.5f};
  combine_experts(z, {}, std::vector<float>{0.0f, 1.0f, 0.0f}, 2.0f, {Kind::Nucleus, 0.9});
  EXPECT_EQ(z[1], kRemoved);
  for (float value : z) EXPECT_FALSE(std::isnan(value));
}

TEST(TokenMask, IsAKindAndALevel) {
  for (const char* text : {"nucleus:0.9", "plausibility:0.1", "none", "nucleus:1"})
    EXPECT_EQ(TokenMask::parse(text, "").text(), text);
  for (const char* text : {"", "nucleus", "nucleus:", "nucleus:0", "nucleus:1.5", "plausibility:x", "topk:3", "none:1"})
    EXPECT_THROW(TokenMask::parse(text, ""), ConfigError) << text;
}

TEST(DexpertsGolden, CombinationOfGivenLogitsReproducesTheFixture) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const torch::Tensor base = fixture.tensor("in.base"), expert = fixture.tensor("in.expert"),
                        anti = fixture.tensor("in.anti");
    const TokenMask mask{Kind::Nucleus, fixture.in("filter_p")};
    const float alpha = float(fixture.in("alpha"));
    const torch::Tensor both = combined(base, expert, anti, alpha, mask);
    EXPECT_TRUE(torch::equal(torch::isfinite(both).to(torch::kInt64), fixture.tensor("out.keep")));
    EXPECT_TRUE(fixture.matches(both, "out.logits"));
    EXPECT_TRUE(fixture.matches(combined(base, {}, anti, alpha, mask), "out.anti_only"));
  });
}

TEST(DexpertsGolden, GreedyRunWithThreeCachesReproducesIdsAndLogits) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const std::shared_ptr<const Model> base = open_golden(fixture.model("base"));
    const ExpertParts parts{{open_golden(fixture.model("anti"))},
                            {open_golden(fixture.model("expert"))},
                            {Kind::Nucleus, fixture.in("filter_p")}};
    const torch::Tensor ids = fixture.tensor("out.ids");
    const auto run = decode(
        base, one_session(std::make_unique<ExpertsSession>(*base, parts)),
        {greedy_request(0, token_ids(fixture.tensor("in.prompt")), ids.size(0), {float(fixture.in("alpha"))})})[0];
    EXPECT_EQ(run.ids, token_ids(ids));
    EXPECT_TRUE(fixture.matches(run.logits, "out.step_logits"));
  });
}

class Dexperts : public testing::Test {
 protected:
  void SetUp() override {
    ExpertsFit fit;
    fit.output = file_;
    fit.anti = anti_;
    fit.expert = expert_;
    fit_dexperts(*target_, fit);
  }
  TempDir folder_;
  std::shared_ptr<const Model> target_ = open_exact(write_toy_llama(folder_.path() / "target", {.seed = 1}));
  fs::path anti_ = write_toy_gpt2(folder_.path() / "anti", {.width = 16, .seed = 2}),
           expert_ = write_toy_gpt2(folder_.path() / "expert", {.width = 16, .seed = 3});
  fs::path file_ = folder_.path() / "e.detox.safetensors";
};

TEST_F(Dexperts, FileNamesItsModelsAndEveryStepIsTheSumWithoutAnyCache) {
  const auto file = DetoxifierFile::open(file_);
  EXPECT_EQ(file->info().needs.at(0).path, "anti");
  EXPECT_EQ(file->need("expert"), folder_.path() / "expert");
  const auto detoxifier = open_detox(file_);
  EXPECT_EQ(detoxifier->default_strength(), 2.0f);
  EXPECT_EQ(detoxifier->name(), "dexperts");
  const auto run = decode_with(target_, *detoxifier, kToyPrompt, 40, {0.7f})[0];
  const auto anti = open_exact(anti_), expert = open_exact(expert_);
  TokenIds text = kToyPrompt;
  for (size_t step = 0; step < run.ids.size(); ++step) {
    const auto logits = [&](const Model& model) { return model.output_matrix(state_of(model, text)); };
    const torch::Tensor fresh = combined(logits(*target_), logits(*expert), logits(*anti), 0.7f, {Kind::Nucleus, 0.9});
    EXPECT_TRUE(torch::equal(fresh[0], run.logits[int64_t(step)])) << "step " << step;
    text.push_back(run.ids[step]);
  }
}

TEST_F(Dexperts, OptionsChooseMaskAndExpertAndWithoutAMaskTheChangeFadesWithItsStrength) {
  const auto plain = decode_plain(target_, kToyPrompt, 8)[0];
  const auto faint = decode_with(target_, *open_detox(file_, "?mask=none"), kToyPrompt, 8, {1e-6f})[0];
  EXPECT_EQ(faint.ids, plain.ids);
  EXPECT_LT(largest_difference(faint.logits, plain.logits), 1e-3);
  const auto kept = [&](const char* options) {
    return torch::isfinite(decode_with(target_, *open_detox(file_, options), kToyPrompt, 1, {1e-6f})[0].logits[0])
        .sum()
        .item<int64_t>();
  };
  EXPECT_EQ(kept("?mask=none"), 257);
  EXPECT_LT(kept("?level=0.5"), kept(""));
  EXPECT_EQ(kept("?mask=plausibility&level=1"), 1);
  EXPECT_EQ(open_detox(file_, "?expert=none")->name(), "dexperts/anti-only");
  const auto alone = decode_with(target_, *open_detox(file_, "?expert=none&mask=none"), kToyPrompt, 1, {2.0f})[0];
  const auto anti = open_exact(anti_);
  const torch::Tensor expected = combined(plain.logits.narrow(0, 0, 1), {},
                                          anti->output_matrix(state_of(*anti, kToyPrompt)), 2.0f, {Kind::None, 1.0});
  EXPECT_TRUE(torch::equal(alone.logits, expected));
}

TEST_F(Dexperts, RowsDoNotSeeOneAnotherAndSamplesShareTheirPrompt) {
  testing_support::expect_rows_do_not_see_one_another(target_, *open_detox(file_), 0.5f);
  testing_support::expect_samples_of_a_prompt_share_its_reading(target_, *open_detox(file_), 0.5f);
}

TEST_F(Dexperts, AModelThatIsNotBelowTheFilesFolderIsRefusedByTheFitAndByTheFile) {
  ExpertsFit fit;
  fit.output = folder_.path() / "detox" / "e.detox.safetensors";
  fit.anti = anti_;
  EXPECT_NE(message_of([&] {
              fit_dexperts(*target_, fit);
            }).find("is not below its folder, and a detoxifier looks nowhere else"),
            std::string::npos);
  fs::create_directories(folder_.path() / "detox");
  fs::copy_file(file_, fit.output);
  EXPECT_NE(message_of([&] { open_detox(fit.output)->open(*target_); }).find("which is not beside it"),
            std::string::npos);
}

TEST_F(Dexperts, OtherVocabulariesChangedModelsAndMalformedFilesAreRefusedInOneLine) {
  ExpertsFit fit;
  fit.output = folder_.path() / "bad.detox.safetensors";
  fit.anti = write_toy_gpt2(folder_.path() / "wider", {.width = 16, .merges = {"t h"}});
  EXPECT_NE(message_of([&] {
              fit_dexperts(*target_, fit);
            }).find("the anti-expert has a vocabulary of 258 tokens, the target of 257"),
            std::string::npos);
  testing_support::expect_refused(file_, [](Json& s) { s.erase("mask"); }, "\"mask\" is missing");
  testing_support::expect_refused(
      file_, [](Json& s) { s["mask"] = "nucleus:7"; }, "its level is above 0 and at most 1");
  testing_support::expect_refused(file_, [](Json& s) { s["expert"] = "yes"; }, "\"expert\" is a string");
  testing_support::expect_option_refused(file_, "?alpha=1", "option \"alpha\" is not known");
  testing_support::expect_option_refused(file_, "?level=2", "above 0 and at most 1");
  testing_support::expect_option_refused(file_, "?expert=some", "expected none");
  const auto detoxifier = open_detox(file_);
  write_toy_gpt2(anti_, {.width = 16, .seed = 9});
  EXPECT_NE(message_of([&] { detoxifier->open(*target_); }).find("it was changed since"), std::string::npos);
}

}  // namespace
}  // namespace limpid
