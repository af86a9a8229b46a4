#include "limpid/core/random.h"
#include "limpid/methods/activations.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/sasa/fit.h"
#include "tests/methods/method_checks.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using namespace sasa;

using namespace testing_support;

constexpr const char* kFixture = "sasa";

torch::Tensor normal(int64_t N, int64_t D, uint64_t seed, double centre) {
  RandomStream random(seed);
  torch::Tensor x = torch::empty({N, D}, torch::kFloat32);
  for (int64_t i = 0; i < x.numel(); ++i) x.mutable_data_ptr<float>()[i] = float(centre + random.next_normal());
  return x;
}

TEST(Subspace, OfOneDimensionIsTheMiddleAndTheOddsAreThoseOfTheDensities) {
  const auto found = fit_subspace(torch::tensor({{1.0f}, {3.0f}}),
                                  torch::tensor({{-1.0f}, {-3.0f}}));  // means 2 and -2, variance 4 / 2
  EXPECT_FLOAT_EQ(found.w[0].item<float>(), 1.0f);
  EXPECT_FLOAT_EQ(found.midpoint[0].item<float>(), 0.0f);
  EXPECT_FLOAT_EQ(margin(found, std::vector<float>{1.0f}), 1.0f);
  EXPECT_NEAR(found.odds, 2.0, 1e-12);  // at 1: (-(1 - 2)^2 + (1 + 2)^2) / (2 * 2)
  EXPECT_EQ(found.rank, 1);
}

TEST(Subspace, MarginFollowsTheBayesRuleAndNotAShiftOfAllData) {
  const torch::Tensor nontoxic = normal(400, 6, 1, 0.5), toxic = normal(400, 6, 2, -0.5),
                      states = normal(100, 6, 3, 0.0);
  const torch::Tensor found = margins(fit_subspace(nontoxic, toxic), states), sums = states.sum(1);
  for (int64_t n = 0; n < 100; ++n)  // equal variances in all directions: the sum decides
    if (std::fabs(sums[n].item<float>()) > 1.0f) {
      EXPECT_EQ(found[n].item<float>() > 0, sums[n].item<float>() > 0) << n;
    }
  EXPECT_LT(largest_difference(margins(fit_subspace(nontoxic + 7.0, toxic + 7.0), states + 7.0), found), 1e-4);
}

TEST(Subspace, FewerTextsThanDimensionsLeaveTheNullDirectionsOut) {
  const torch::Tensor nontoxic = normal(5, 12, 1, 0.5), toxic = normal(4, 12, 2, -0.5);
  EXPECT_EQ(fit_subspace(nontoxic, toxic).rank, 7);  // 5 + 4 - 2
  EXPECT_EQ(fit_subspace(nontoxic, toxic, {.shrinkage = 0.1}).rank, 12);
}

TEST(Subspace, StatesThatCannotWorkAreRefused) {
  const torch::Tensor some = normal(4, 3, 1, 0.0);
  EXPECT_THROW(fit_subspace(some, normal(4, 2, 1, 0.0)), ShapeError);
  EXPECT_THROW(fit_subspace(some, some.narrow(0, 0, 0)), ConfigError);
  EXPECT_THROW(fit_subspace(some, some), ConfigError);
}

TEST(AddMargins, OneCandidateKeepsItsPlaceAndReleasedSharesSumToBeta) {
  std::vector<float> z = {1.0f, 2.0f, 3.0f};
  add_margins(z, TokenIds{1, 2}, std::vector<float>{0.5f, -0.25f}, 4.0f, SasaRule::Paper);
  EXPECT_EQ(z, (std::vector<float>{1.0f, 4.0f, 2.0f}));
  z = {1.0f, 2.0f, 3.0f};
  add_margins(z, TokenIds{0, 2}, std::vector<float>{std::log(3.0f), 0.0f}, 4.0f, SasaRule::AsCoded);
  EXPECT_NEAR(z[0], 4.0f, 1e-6f);  // 3/4 and 1/4 of 4
  EXPECT_EQ(z[1], 2.0f);
  EXPECT_NEAR(z[2], 4.0f, 1e-6f);
}

TEST(SasaGolden, SubspacesMarginsAndAdjustedLogitsReproduceTheFixture) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const auto found = fit_subspace(fixture.tensor("in.nontoxic"), fixture.tensor("in.toxic"));
    EXPECT_TRUE(fixture.matches(found.w, "out.w"));
    EXPECT_TRUE(fixture.matches(found.midpoint, "out.midpoint"));
    EXPECT_EQ(found.rank, int64_t(fixture.out("rank")));
    EXPECT_TRUE(fixture.matches(margins(found, fixture.tensor("in.states")), "out.margins"));

    const torch::Tensor few_nontoxic = fixture.tensor("in.few_nontoxic"), few_toxic = fixture.tensor("in.few_toxic");
    const auto few = fit_subspace(few_nontoxic, few_toxic, {.cut = fixture.in("cut"), .absolute_cut = true});
    EXPECT_TRUE(fixture.matches(few.w, "out.few_w"));
    EXPECT_EQ(few.rank, int64_t(fixture.out("few_rank")));
    const auto shrunk = fit_subspace(few_nontoxic, few_toxic, {.shrinkage = fixture.in("shrinkage")});
    EXPECT_TRUE(fixture.matches(shrunk.w, "out.shrunk_w"));
    EXPECT_EQ(shrunk.rank, int64_t(fixture.out("shrunk_rank")));

    for (const auto& [rule, name] :
         {std::pair(SasaRule::Paper, "out.adjusted"), std::pair(SasaRule::AsCoded, "out.adjusted_released")}) {
      std::vector<float> z = floats(fixture.tensor("in.logits"));
      add_margins(z, token_ids(fixture.tensor("in.candidates")), floats(fixture.tensor("in.candidate_margins")),
                  float(fixture.in("beta")), rule);
      EXPECT_TRUE(fixture.matches(torch::tensor(z), name)) << name;
    }
  });
}

TEST(SasaGolden, ModelsSubspaceAndItsCandidatesReproduceTheFixture) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const std::shared_ptr<const Model> model = open_golden(fixture.model("model"));
    const torch::Tensor texts = fixture.tensor("in.texts"), lengths = fixture.tensor("in.text_lengths");
    const auto states = [&](int64_t label) {
      std::vector<PooledText> pooled;
      for (int64_t n = 0; n < texts.size(1); ++n)
        pooled.push_back(PooledText::last(token_ids(texts[label][n], lengths[label][n]), 1));
      return mean_final_states(*model, pooled);
    };
    const auto found = fit_subspace(states(0), states(1), {.shrinkage = fixture.in("shrinkage")});
    EXPECT_TRUE(fixture.matches(found.w, "out.model_w"));
    EXPECT_TRUE(fixture.matches(found.midpoint, "out.model_midpoint"));

    const TokenIds prompt = token_ids(fixture.tensor("in.prompt")),
                   candidates = token_ids(fixture.tensor("out.model_candidates"));
    const float beta = float(fixture.in("beta"));
    auto session = std::make_unique<SasaSession>(*model, SasaParts{found, SasaRule::Paper, int64_t(candidates.size())});
    const torch::Tensor adjusted =
        decode(model, one_session(std::move(session)), {greedy_request(0, prompt, 1, {beta})})[0].logits[0];
    const torch::Tensor plain = decode_plain(model, prompt, 1)[0].logits[0],
                        at = fixture.tensor("out.model_candidates");
    EXPECT_TRUE(
        fixture.close(adjusted.index({at}), fixture.tensor("out.model_adjusted").index({at}), "out.model_adjusted"));
    EXPECT_TRUE(fixture.matches((adjusted.index({at}) - plain.index({at})) / beta, "out.model_margins"));
    EXPECT_EQ(adjusted.isfinite().sum().item<int64_t>(), int64_t(candidates.size()));
  });
}

class Sasa : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [family, model] : toys_.all()) fit_sasa(*model, fit(family));
  }
  /// Texts that end in different letters.
  SasaFit fit(const std::string& name) const {
    SasaFit result;
    result.output = toys_.file(name);
    RandomStream random(3);
    for (int i = 0; i < 60; ++i) {
      std::string text;
      for (int w = 0; w < 6; ++w) text += char('a' + random.next_below(26));
      result.nontoxic.push_back(text + "ab");
      result.toxic.push_back(text + "QZ");
    }
    return result;
  }
  ToyFamilies toys_;
};

TEST_F(Sasa, FitTellsTheClassesApartOnTextsHeldOut) {
  for (const auto& [family, model] : toys_.all()) {
    const Json settings = DetoxifierFile::open(toys_.file(family))->info().settings;
    EXPECT_GT(settings.at("held_out_accuracy").get<double>(), 0.8) << family;
    EXPECT_GT(settings.at("margins").at("nontoxic").get<double>(), settings.at("margins").at("toxic").get<double>());
    EXPECT_NEAR(open_detox(toys_.file(family))->default_strength(), settings.at("odds").get<double>(), 1e-4);
    EXPECT_EQ(open_detox(toys_.file(family), "?variant=as_coded")->name(), "sasa/as_coded");
  }
  SasaFit few = fit("few");
  few.toxic.resize(9);
  EXPECT_NE(message_of([&] { fit_sasa(*toys_.at("gpt2"), few); }).find("9 toxic texts"), std::string::npos);
}

TEST_F(Sasa, CandidatesGainTheirOwnMarginsAndNothingElseIsLeft) {
  for (const auto& [family, model] : toys_.all()) {
    SCOPED_TRACE(family);
    const fs::path file = toys_.file(family);
    const auto stored = DetoxifierFile::open(file);
    const Subspace subspace{float_tensor(*stored, "w", {-1}), float_tensor(*stored, "midpoint", {-1})};
    const torch::Tensor plain = decode_plain(model, kToyPrompt, 1)[0].logits[0];
    const torch::Tensor adjusted =
        decode_with(model, *open_detox(file, "?candidates=5"), kToyPrompt, 1, {2.0f})[0].logits[0];
    const TokenIds best = token_ids(std::get<1>(plain.topk(5)));
    for (TokenId candidate : best) {
      TokenIds text = kToyPrompt;
      text.push_back(candidate);
      EXPECT_NEAR((adjusted[candidate] - plain[candidate]).item<float>(),
                  2.0f * margins(subspace, state_of(*model, text))[0].item<float>(), 1e-3f);
    }
    EXPECT_EQ(adjusted.isfinite().sum().item<int64_t>(), 5);
    const torch::Tensor released =
        decode_with(model, *open_detox(file, "?candidates=5&variant=as_coded"), kToyPrompt, 1, {2.0f})[0].logits[0];
    EXPECT_NEAR((released - plain).sum().item<float>(), 2.0f, 1e-3f);  // shares of beta; the rest stays
  }
}

TEST_F(Sasa, TinyStrengthOrASingleCandidateWritesWhatThePlainModelWrites) {
  for (const auto& [family, model] : toys_.all()) {
    SCOPED_TRACE(family);
    const Written plain = decode_plain(model, kToyPrompt, 8)[0];
    const Written tiny =
        decode_with(model, *open_detox(toys_.file(family), "?candidates=257"), kToyPrompt, 8, {1e-5f})[0];
    EXPECT_EQ(tiny.ids, plain.ids);
    EXPECT_LT(largest_difference(tiny.logits, plain.logits), 1e-3);
    EXPECT_EQ(decode_with(model, *open_detox(toys_.file(family), "?candidates=1"), kToyPrompt, 8, {5.0f})[0].ids,
              plain.ids);
  }
}

TEST_F(Sasa, CandidatesAreThoseThatTheRowsOwnFiltersKeep) {
  const auto& model = toys_.at("llama");
  const auto detoxifier = open_detox(toys_.file("llama"));
  std::vector<Request> requests(3, greedy_request(0, kToyPrompt, 1, {1.0f}));
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = requests[i].sample = i;
    requests[i].sampling.greedy = false;
  }
  requests[0].sampling.top_p = 0.9f;
  requests[0].sampling.temperature = 0.7f;
  requests[1].sampling.top_k = 3;
  std::vector<float> nucleus = floats(decode_plain(model, kToyPrompt, 1)[0].logits[0]);
  apply_filters(nucleus, requests[0].sampling, {});
  const auto kept = std::count_if(nucleus.begin(), nucleus.end(), [](float z) { return std::isfinite(z); });
  const auto runs = decode(model, one_session(detoxifier->open(*model)), requests);
  EXPECT_EQ(runs[0].logits.isfinite().sum().item<int64_t>(), std::min<int64_t>(kept, 40));
  EXPECT_EQ(runs[1].logits.isfinite().sum().item<int64_t>(), 3);
  EXPECT_EQ(runs[2].logits.isfinite().sum().item<int64_t>(), 40);
}

TEST_F(Sasa, RowsDoNotSeeOneAnotherAndSamplesShareTheirPrompt) {
  for (const auto& [family, model] : toys_.all()) {
    SCOPED_TRACE(family);
    const auto detoxifier = open_detox(toys_.file(family), "?candidates=10");
    testing_support::expect_rows_do_not_see_one_another(model, *detoxifier, 1.0f);
    testing_support::expect_samples_of_a_prompt_share_its_reading(model, *detoxifier, 1.0f);
  }
}

TEST_F(Sasa, CandidatesOfManyRowsAreReadInSeveralPassesWithTheSameBits) {
  const auto& model = toys_.at("gpt2");
  const auto detoxifier = open_detox(toys_.file("gpt2"), "?candidates=120");
  const auto together = decode_with(model, *detoxifier, kToyPrompt, 3, {0.5f, 1.0f, 1.5f, 2.0f});  // 480 at a time
  const auto alone = decode_with(model, *detoxifier, kToyPrompt, 3, {2.0f});
  EXPECT_EQ(together[3].ids, alone[0].ids);
  EXPECT_TRUE(torch::equal(together[3].logits, alone[0].logits));
}

TEST_F(Sasa, MalformedFilesAndOptionsAreRefusedInOneLine) {
  const fs::path file = toys_.file("llama");
  testing_support::expect_refused(file, [](Json& s) { s.erase("candidates"); }, "\"candidates\" is missing");
  testing_support::expect_refused(file, [](Json& s) { s["candidates"] = 0; }, "\"candidates\" is 0");
  testing_support::expect_refused(
      file, [](Json& s) { s["variant"] = "other"; }, "variant \"other\", expected paper or as_coded");
  testing_support::expect_option_refused(file, "?candidates=many", "candidates \"many\"");
  testing_support::expect_option_refused(file, "?beta=3", "option \"beta\" is not known");
  OutgoingTensors narrow;
  narrow.add("w", torch::ones({3}));
  narrow.add("midpoint", torch::ones({3}));
  write_detoxifier(toys_.file("narrow"), DetoxifierFile::open(file)->info(), narrow.views());
  EXPECT_NE(message_of([&] { open_detox(toys_.file("narrow")); }).find("tensor \"w\" is [3], expected [32]"),
            std::string::npos);
  const torch::Tensor wide = torch::ones({5});
  EXPECT_THROW(SasaSession(*toys_.at("llama"), SasaParts{Subspace{wide, wide}}), ShapeError);
}

}  // namespace
}  // namespace limpid
