#include <gtest/gtest.h>

#include "limpid/data/pairs.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/profs/fit.h"
#include "limpid/methods/profs/method.h"
#include "limpid/methods/profs/subspace.h"
#include "limpid/methods/registry.h"
#include "tests/methods/all_positions.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using namespace profs;

using testing_support::all_logits;
using testing_support::as_stored;
using testing_support::for_each_tensor_fixture;
using testing_support::open_exact;
using testing_support::open_golden;
using testing_support::TempDir;
using testing_support::TensorFixture;
using testing_support::token_ids;

constexpr const char* kFixture = "profs";

Tensor projection(const Tensor& vectors) { return vectors.t().mm(vectors); }

/// W [out, in] with the subspace taken out of its outputs.
Tensor edited(const Tensor& weight, const Tensor& vectors) {
  return changed_weight(weight, {vectors, -vectors, {}}, DeltaInput::Product, 1.0);
}

TEST(ProfsGolden, SubspacesOfGivenStatesWithAndWithoutTheTopic) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const Tensor good = fixture.tensor("in.preferred"), bad = fixture.tensor("in.nonpreferred");
    const int64_t k = int64_t(fixture.in("k"));
    EXPECT_TRUE(fixture.matches(projection(toxic_subspace(good, bad, k)), "out.P"));
    EXPECT_TRUE(fixture.matches(projection(toxic_subspace(good, bad, k, /*keep_topic=*/true)), "out.P_uncentred"));
  });
}

/// One pair of given weights for each storage order: outputs of the width of the states come first or last.
TEST(ProfsGolden, EditedWeightsInTheOrderTheyAreStoredIn) {
  for_each_tensor_fixture("profs", [](const TensorFixture& fixture) {
    const Tensor preferred = fixture.tensor("in.preferred");
    const Tensor vectors = toxic_subspace(preferred, fixture.tensor("in.nonpreferred"), int64_t(fixture.in("k")));
    for (const std::string& name : fixture.tensors("in.")) {
      if (!name.ends_with("_W")) continue;
      const Tensor weight = fixture.tensor(name);
      const bool outputs_last = weight.size(1) == preferred.size(1);
      const Tensor changed = outputs_last ? edited(weight.t(), vectors).t() : edited(weight, vectors);
      EXPECT_TRUE(fixture.matches(changed, "out." + name.substr(3) + "_edited")) << name;
    }
  });
}

TEST(ProfsGolden, EveryModelFromTextsToTheLogitsOfTheEditedOne) {
  for_each_tensor_fixture("profs", [](const TensorFixture& fixture) {
    fixture.for_each_role("texts", [&](const std::string& role) {
      const auto model = open_golden(fixture.model(role));
      const int64_t layer = int64_t(fixture.in(role + "_layer"));
      std::vector<PooledText> texts[2];
      const Tensor ids = fixture.tensor("in." + role + "_texts");
      for (int64_t side = 0; side < 2; ++side)
        for (int64_t n = 0; n < ids.size(1); ++n)
          texts[side].push_back(PooledText::whole(token_ids(ids[side][n]), ids.size(2)));
      const Tensor vectors = profs_vectors(*model, texts[0], texts[1], int64_t(fixture.in("k")), layer, layer);
      EXPECT_TRUE(fixture.matches(projection(vectors[0]), "out." + role + "_P"));

      const auto trainable = open_golden(fixture.model(role), TrainingOptions{});
      const Tensor weight = trainable->projection(Projection::MlpDown, layer).weight();
      EXPECT_TRUE(fixture.matches(
          as_stored(fixture.model(role), fixture.in().at(role + "_weight"), weight, edited(weight, vectors[0])),
          "out." + role + "_edited"));

      auto session =
          std::make_unique<WeightDeltaSession>(*model, profs_deltas(vectors, layer, model->config().num_layers));
      EXPECT_TRUE(
          fixture.matches(all_logits(*model, token_ids(fixture.tensor("in." + role + "_prompt")), std::move(session)),
                          "out." + role + "_logits"));
    });
  });
}

TEST(ToxicSubspace, IsTheDirectionOfTheDifferencesLessTheTopic) {
  // All preferred states lie along the first axis; the differences are (2, 1, 0), of which the topic takes the first
  // number.
  const Tensor good = torch::tensor({{4.0f, 0.0f, 0.0f}, {6.0f, 0.0f, 0.0f}}),
               bad = good - torch::tensor({4.0f, 2.0f, 0.0f});
  EXPECT_TRUE(torch::allclose(toxic_subspace(good, bad, 1).abs(), torch::tensor({{0.0f, 1.0f, 0.0f}}), 1e-6, 1e-6));
  const Tensor with_topic = toxic_subspace(good, bad, 1, /*keep_topic=*/true).abs();
  EXPECT_TRUE(torch::allclose(with_topic, torch::tensor({{2.0f, 1.0f, 0.0f}}) / std::sqrt(5.0f), 1e-6, 1e-6));
}

TEST(ToxicSubspace, RefusesWhatTheTextsCannotSpan) {
  const Tensor x = torch::randn({4, 8}), y = torch::randn({4, 8});
  EXPECT_NO_THROW(toxic_subspace(x, y, 4));
  EXPECT_THROW(toxic_subspace(x, y, 5), ConfigError);
  EXPECT_THROW(toxic_subspace(x, y, 0), ConfigError);
  EXPECT_THROW(toxic_subspace(x, y.narrow(0, 0, 3), 1), ShapeError);
}

std::vector<SteeringPair> toy_pairs() {
  std::vector<SteeringPair> pairs;
  for (int i = 0; i < 16; ++i)
    pairs.push_back({"storm and rain " + std::to_string(i * 37), "calm and sun " + std::to_string(i * 91)});
  return pairs;
}

TEST(FitProfs, AFileDetoxifiesBothFamiliesAndStrengthOneTakesTheSubspaceOut) {
  const TempDir dir;
  for (const fs::path& folder : {testing_support::write_toy_llama(dir.path() / "llama", {.layers = 4}),
                                 testing_support::write_toy_gpt2(dir.path() / "gpt2", {.layers = 4})}) {
    SCOPED_TRACE(folder);
    const auto model = open_exact(folder);
    const fs::path file = dir.path() / "p.detox.safetensors";
    ProfsFit fit;
    fit.output = file;
    fit.pairs = toy_pairs();
    const Json settings = fit_profs(*model, fit);
    EXPECT_EQ(settings.at("k"), folder.filename() == "gpt2" ? 2 : 10);
    EXPECT_EQ(settings.at("first_layer"), 2);  // 0.45 * 4
    EXPECT_EQ(settings.at("layers"), 2);

    const auto detoxifier = open_detoxifier(DetoxSpec::parse(file.string()));
    EXPECT_EQ(detoxifier->name(), "profs");
    EXPECT_EQ(detoxifier->default_strength(), 1.0f);
    const Tensor plain = all_logits(*model, {5, 6, 7, 8});
    EXPECT_TRUE(torch::equal(all_logits(*model, {5, 6, 7, 8}, detoxifier->open(*model), 0.0f), plain));
    EXPECT_FALSE(torch::allclose(all_logits(*model, {5, 6, 7, 8}, detoxifier->open(*model)), plain, 1e-3, 1e-3));

    // What the projection leaves of the last block's feed-forward output has no part in the subspace.
    const Tensor vectors = float_tensor(*DetoxifierFile::open(file), "vectors", {2, -1, 32});
    const auto session = detoxifier->open(*model);
    const nn::Linear& down = model->projection(Projection::MlpDown, 3);
    const Tensor x = torch::randn({5, int64_t(down.packed()->in())});
    Tensor y = down.forward(x);
    Row row;
    row.request.strengths = {1.0f};
    const Row* const rows[] = {&row};
    const float strengths[] = {1.0f};
    const int64_t sequence[] = {0};
    nn::KvCache cache = model->make_cache();
    const TokenIds ids = {1, 2, 3, 4, 5};
    const nn::Sequence tokens{&cache, ids};
    nn::Pass pass(std::span(&tokens, 1));
    const Step step{rows, strengths, &pass, sequence};
    session->projected(Projection::MlpDown, 3, step, x, y);
    const Tensor product = down.bias().defined() ? y - down.bias() : y;
    EXPECT_LT(product.mm(vectors[1].t()).abs().max().item<float>(), 1e-4f);
  }
}

TEST(FitProfs, OptionLayersKeepsToSomeOfTheFilesLayers) {
  const TempDir dir;
  const auto model = open_exact(testing_support::write_toy_llama(dir.path() / "llama", {.layers = 4}));
  ProfsFit fit;
  fit.output = dir.path() / "p.detox.safetensors";
  fit.pairs = toy_pairs();
  fit.k = 3;
  fit.first_layer = 1;
  fit_profs(*model, fit);
  const auto layers_of = [&](const std::string& options) {
    const DetoxSpec spec = DetoxSpec::parse(fit.output.string() + options);
    std::string active;
    for (const WeightDelta& delta :
         profs_deltas(*DetoxifierFile::open(fit.output), MethodOptions(ProfsMethod::info, spec)).layers)
      active += delta.empty() ? '-' : '+';
    return active;
  };
  EXPECT_EQ(layers_of(""), "-+++");
  EXPECT_EQ(layers_of("?layers=2"), "--+-");
  EXPECT_EQ(layers_of("?layers=2-"), "--++");
  EXPECT_THROW(layers_of("?layers=0-2"), ConfigError);
  EXPECT_THROW(layers_of("?layers=2-4"), ConfigError);
  EXPECT_THROW(layers_of("?rule=linear"), ConfigError);
  fit.last_layer = 4;
  EXPECT_THROW(fit_profs(*model, fit), ConfigError);
}

TEST(LoadProfs, RefusesMalformedFiles) {
  const TempDir dir;
  const fs::path file = dir.path() / "p.detox.safetensors";
  const auto load = [&](const Tensor& vectors, const Json& settings) {
    DetoxifierInfo info;
    info.method = "profs";
    info.target = {"llama", 4, 3, 10, ""};
    info.settings = settings;
    OutgoingTensors out;
    out.add("vectors", vectors);
    write_detoxifier(file, info, out.views());
    open_detoxifier(DetoxSpec::parse(file.string()));
  };
  const Tensor good = torch::eye(4).narrow(0, 0, 2).unsqueeze(0).repeat({2, 1, 1});
  EXPECT_NO_THROW(load(good, {{"first_layer", 1}}));
  EXPECT_THROW(load(good, {{"first_layer", 2}}), FormatError);
  EXPECT_THROW(load(good, {{"first_layer", -1}}), FormatError);
  EXPECT_THROW(load(good, {{"first_layer", INT64_MAX}}), FormatError);
  EXPECT_THROW(load(good, Json::object()), FormatError);
  EXPECT_THROW(load(2 * good, {{"first_layer", 1}}), FormatError);
  EXPECT_THROW(load(good.narrow(2, 0, 3), {{"first_layer", 1}}), FormatError);
  EXPECT_THROW(load(good.narrow(0, 0, 0), {{"first_layer", 1}}), FormatError);
  EXPECT_THROW(load(good / 0.0, {{"first_layer", 1}}), FormatError);
}

}  // namespace
}  // namespace limpid
