#include "limpid/decoding/judge.h"
#include "limpid/methods/unidetox/contrast.h"
#include "limpid/methods/unidetox/first_order.h"
#include "tests/methods/method_checks.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using namespace unidetox;

using testing_support::decode;
using testing_support::decode_plain;
using testing_support::floats;
using testing_support::for_each_tensor_fixture;
using testing_support::greedy_request;
using testing_support::kToyPrompt;
using testing_support::message_of;
using testing_support::one_session;
using testing_support::open_exact;
using testing_support::open_golden;
using testing_support::TempDir;
using testing_support::TensorFixture;
using testing_support::token_ids;
using testing_support::write_toy_gpt2;
using testing_support::write_toy_llama;
using testing_support::Written;

constexpr const char* kContrast = "unidetox_contrast";
constexpr const char* kGenerate = "unidetox_generate";
constexpr float kRemoved = -std::numeric_limits<float>::infinity();

torch::Tensor contrast_rows(const torch::Tensor& base, const torch::Tensor& toxic, const ContrastOptions& options) {
  torch::Tensor out = base.clone();
  const size_t V = size_t(base.size(1));
  for (int64_t r = 0; r < base.size(0); ++r)
    contrast_logits({out.mutable_data_ptr<float>() + size_t(r) * V, V},
                    {toxic.const_data_ptr<float>() + size_t(r) * V, V}, options);
  return out;
}

TEST(ContrastLogits, DropsTokensTheBaseFindsImplausibleAndPrefersWhatTheToxicModelDoesNot) {
  std::vector<float> z = {4.0f, 3.5f, 0.0f};
  const std::vector<float> toxic = {4.0f, 0.5f, 0.0f};
  contrast_logits(z, toxic, {.alpha = 0.5});  // cut-off: 4 - ln 2 = 3.31
  EXPECT_EQ(z, (std::vector<float>{0.0f, 3.0f, kRemoved}));
  z = {4.0f, 3.5f, 0.0f};
  contrast_logits(z, toxic, {.alpha = 0.5, .beta = 2.0, .temperature = 0.5});
  EXPECT_EQ(z, (std::vector<float>{8.0f, 19.0f, kRemoved}));  // (3 * 4 - 2 * 4) / 0.5, (3 * 3.5 - 2 * 0.5) / 0.5
  z = {4.0f, 3.5f, 0.0f};
  contrast_logits(z, toxic, {.alpha = 0.5, .top_k = 1});
  EXPECT_EQ(z, (std::vector<float>{kRemoved, 3.0f, kRemoved}));
}

TEST(ContrastLogits, ThresholdOneKeepsTheBestTokenOnlyATinyOneAllAndEqualModelsMakeWhatIsKeptEquallyLikely) {
  const torch::Tensor base = torch::randn({4, 50}) * 3, toxic = torch::randn({4, 50}) * 3;
  const torch::Tensor one = contrast_rows(base, toxic, {.alpha = 1.0});
  EXPECT_TRUE(torch::equal(torch::isfinite(one).sum(1), torch::ones(4, torch::kInt64)));
  EXPECT_TRUE(torch::equal(one.argmax(1), base.argmax(1)));
  EXPECT_TRUE(torch::isfinite(contrast_rows(base, toxic, {.alpha = 1e-30})).all().item<bool>());
  const torch::Tensor same = contrast_rows(base, base, {});
  EXPECT_EQ(same.masked_select(torch::isfinite(same)).abs().max().item<float>(), 0.0f);
}

TEST(ContrastLogits, FollowsThePlainVersion) {
  const torch::Tensor base = torch::randn({3, 301}) * 4, toxic = torch::randn({3, 301}) * 4;
  for (const ContrastOptions& options :
       {ContrastOptions{}, ContrastOptions{.alpha = 1e-4, .beta = 0.7, .temperature = 1.3},
        ContrastOptions{.alpha = 0.9, .beta = 30.0}}) {
    const torch::Tensor fast = contrast_rows(base, toxic, options);
    for (int64_t r = 0; r < 3; ++r) {
      const std::vector<double> plain = contrast_logits_plain(floats(base[r]), floats(toxic[r]), options);
      for (int64_t v = 0; v < 301; ++v) {
        const double got = fast[r][v].item<float>();
        if (std::isinf(plain[size_t(v)]))
          EXPECT_EQ(got, plain[size_t(v)]);
        else
          EXPECT_NEAR(got, plain[size_t(v)], 1e-5 * (1.0 + std::fabs(plain[size_t(v)])));
      }
    }
  }
}

TEST(ContrastLogits, OptionsOutOfRangeAreRefusedByName) {
  for (const auto& [options, says] : {std::pair{ContrastOptions{.alpha = 0.0}, "alpha is 0"},
                                      {ContrastOptions{.alpha = 1.5}, "alpha is 1.5"},
                                      {ContrastOptions{.beta = 0.0}, "beta is 0"},
                                      {ContrastOptions{.temperature = 0.0}, "temperature is 0"},
                                      {ContrastOptions{.top_k = -1}, "top-k is -1"}})
    EXPECT_NE(message_of([&] { options.check(); }).find(says), std::string::npos) << says;
}

TEST(UniDetoxGolden, ScoresOfGivenLogitsReproduceTheFixture) {
  for_each_tensor_fixture(kContrast, [](const TensorFixture& fixture) {
    const torch::Tensor base = fixture.tensor("in.base"), toxic = fixture.tensor("in.toxic"),
                        masks = fixture.tensor("out.mask");
    const auto thresholds = fixture.in().at("thresholds").get<std::vector<double>>();
    for (size_t i = 0; i < thresholds.size(); ++i)
      EXPECT_TRUE(torch::equal(torch::isfinite(contrast_rows(base, toxic, {.alpha = thresholds[i]})).to(torch::kInt64),
                               masks[int64_t(i)]));
    const double alpha = fixture.in("alpha_cd");
    EXPECT_TRUE(fixture.matches(contrast_rows(base, toxic, {.alpha = alpha}), "out.infinite"));
    EXPECT_TRUE(
        fixture.matches(contrast_rows(base, toxic, {.alpha = alpha, .beta = fixture.in("beta")}), "out.finite"));
    EXPECT_TRUE(fixture.matches(contrast_rows(base, toxic, {.alpha = alpha, .temperature = fixture.in("temperature")}),
                                "out.tempered"));
  });
}

/// Outputs named released_* are left alone: there the toxic model reads the base's cache, which a cache of ours
/// refuses.
TEST(UniDetoxGolden, RunsWithSeparateCachesReproduceIdsAndScores) {
  for_each_tensor_fixture(kGenerate, [](const TensorFixture& fixture) {
    const std::shared_ptr<const Model> base = open_golden(fixture.model("base")),
                                       toxic = open_golden(fixture.model("toxic"));
    const TokenIds prompt = token_ids(fixture.tensor("in.prompt"));
    const std::vector<float> uniforms = floats(fixture.tensor("in.uniforms"));
    const auto expect_run = [&](const std::string& name, double beta, bool sampled) {
      SCOPED_TRACE(name);
      const ContrastOptions options{.alpha = fixture.in("alpha_cd"), .beta = beta};
      const TokenIds ids = token_ids(fixture.tensor("out." + name + "_ids"));
      Request request = greedy_request(0, prompt, int64_t(ids.size()), {1.0f});
      request.sampling.greedy = !sampled;
      const Written run = decode(base, one_session(std::make_unique<ContrastSession>(*base, Reading{toxic}, options)),
                                 {request}, sampled ? uniforms : std::vector<float>())[0];
      EXPECT_EQ(run.ids, ids);
      EXPECT_TRUE(fixture.matches(run.logits, "out." + name + "_scores"));
      EXPECT_TRUE(fixture.matches(torch::softmax(run.logits, -1), "out." + name + "_probabilities"));
    };
    const double infinite = std::numeric_limits<double>::infinity();
    expect_run("infinite", infinite, false);
    expect_run("finite", fixture.in("beta"), false);
    expect_run("sampled", infinite, true);
  });
}

TEST(UniDetoxGolden, TextScoresAndTheirFirstOrderValueReproduceTheFixture) {
  for_each_tensor_fixture(kGenerate, [](const TensorFixture& fixture) {
    TokenIds ids = token_ids(fixture.tensor("in.prompt"));
    for (TokenId id : token_ids(fixture.tensor("out.infinite_ids"))) ids.push_back(id);
    const auto base = likelihoods(*open_golden(fixture.model("base")), ids).nll,
               toxic = likelihoods(*open_golden(fixture.model("toxic")), ids).nll;
    torch::Tensor scores = torch::empty({int64_t(base.size())});
    for (size_t i = 0; i < base.size(); ++i) scores[int64_t(i)] = toxic[i] - base[i];
    EXPECT_TRUE(fixture.matches(scores, "out.text_scores"));

    const FirstOrderCheck check(open_golden(fixture.model("base"), TrainingOptions{}),
                                open_golden(fixture.model("toxic"), TrainingOptions{}));
    for (int repeat = 0; repeat < 2; ++repeat) {  // no gradient is left over
      const FirstOrder text = check(ids);
      EXPECT_EQ(text.tokens, scores.numel());
      EXPECT_TRUE(fixture.matches(text.score, "mean_text_score")) << text.score;
      EXPECT_TRUE(fixture.matches(text.first_order, "minus_tau_dot_gradient")) << text.first_order;
    }
  });
}

TEST(FirstOrderCheck, MeansAreOverTokensAndOtherModelsAreRefused) {
  const FirstOrder mean = mean_of(std::vector<FirstOrder>{{1.0, 2.0, 3}, {5.0, -2.0, 1}});
  EXPECT_DOUBLE_EQ(mean.score, 2.0);
  EXPECT_DOUBLE_EQ(mean.first_order, 1.0);
  EXPECT_EQ(mean.tokens, 4);
  const TempDir folder;
  const auto open = [&](const char* name, int64_t layers, bool trainable) {
    return open_model(write_toy_llama(folder.path() / name, {.layers = layers}),
                      trainable ? LoadOptions(TrainingOptions()) : InferenceOptions());
  };
  const std::shared_ptr<const Model> base = open("base", 2, true);
  EXPECT_NE(message_of([&] { FirstOrderCheck(base, open("frozen", 2, false)); }).find("not opened trainable"),
            std::string::npos);
  EXPECT_NE(message_of([&] { FirstOrderCheck(base, open("short", 1, true)); }).find("must be the base, trained on"),
            std::string::npos);
}

class Contrast : public testing::Test {
 protected:
  std::shared_ptr<const Model> toy(const char* name, uint64_t seed) {
    return open_exact(write_toy_gpt2(folder_.path() / name, {.seed = seed}));
  }
  Written run(const Request& request, ContrastOptions options = {}, size_t opening = 0) {
    return decode(base_, one_session(std::make_unique<ContrastSession>(*base_, Reading{toxic_}, options, opening)),
                  {request})[0];
  }
  TempDir folder_;
  std::shared_ptr<const Model> base_ = toy("base", 1), toxic_ = toy("toxic", 2);
};

TEST_F(Contrast, CachedAndUncachedScoresAgreeOverSixtyFourTokens) {
  const Written cached = run(greedy_request(0, kToyPrompt, 64, {1.0f}));
  TokenIds text = kToyPrompt;
  for (size_t step = 0; step < cached.ids.size(); ++step) {
    const torch::Tensor fresh = contrast_rows(base_->output_matrix(testing_support::state_of(*base_, text)),
                                              toxic_->output_matrix(testing_support::state_of(*toxic_, text)), {});
    EXPECT_TRUE(torch::equal(fresh[0], cached.logits[int64_t(step)])) << "step " << step;
    text.push_back(cached.ids[step]);
  }
}

TEST_F(Contrast, ThresholdOneIsGreedyOnTheBaseAndTheOpeningIsThePlainBase) {
  const auto plain = decode_plain(base_, kToyPrompt, 12)[0];
  Request sampled = greedy_request(0, kToyPrompt, 12, {1.0f});
  sampled.sampling.greedy = false;
  EXPECT_EQ(run(sampled, {.alpha = 1.0}).ids, plain.ids);
  const Written opened = run(greedy_request(0, kToyPrompt, 12, {1.0f}), {.alpha = 1e-6}, 3);
  for (int64_t step = 0; step < 3; ++step) EXPECT_TRUE(torch::equal(opened.logits[step], plain.logits[step]));
  EXPECT_FALSE(torch::equal(opened.logits[3], plain.logits[3]));
}

TEST_F(Contrast, RowsOfABatchDoNotSeeOneAnother) {
  std::vector<Request> requests;
  for (size_t i = 0; i < 5; ++i)
    requests.push_back(
        greedy_request(i, {kToyPrompt.begin(), kToyPrompt.begin() + 1 + long(i)}, 4 + int64_t(i), {1.0f}));
  const auto together = decode(
      base_, one_session(std::make_unique<ContrastSession>(*base_, Reading{toxic_}, ContrastOptions{}, 1)), requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].sample = 0;
    const Written alone = run(requests[i], {}, 1);
    EXPECT_EQ(alone.ids, together[i].ids);
    EXPECT_TRUE(torch::equal(alone.logits, together[i].logits));
  }
}

TEST_F(Contrast, OtherVocabulariesAreRefused) {
  const auto wider = open_exact(write_toy_gpt2(folder_.path() / "wider", {.merges = {"t h"}}));
  EXPECT_NE(
      message_of([&] { ContrastSession(*base_, {wider}, {}); }).find("vocabulary of 258 tokens, the target of 257"),
      std::string::npos);
}

}  // namespace
}  // namespace limpid
