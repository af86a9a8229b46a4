#include <gtest/gtest.h>

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/model_surgery/fit.h"
#include "limpid/methods/registry.h"
#include "tests/methods/all_positions.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"
#include "tests/support/golden_model.h"

namespace limpid {
namespace {

using namespace model_surgery;

using testing_support::all_logits;
using testing_support::for_each_tensor_fixture;
using testing_support::open_exact;
using testing_support::open_golden;
using testing_support::TempDir;
using testing_support::TensorFixture;
using testing_support::token_ids;

constexpr const char* kFixture = "model_surgery";

std::span<const float> floats(const Tensor& x) { return {x.const_data_ptr<float>(), size_t(x.numel())}; }

GateReader reader_of(const Tensor& gates) {
  return [&gates](int64_t layer, int64_t row, float* out) {
    const float* from = gates.const_data_ptr<float>() + (layer * gates.size(1) + row) * gates.size(2);
    std::copy(from, from + gates.size(2), out);
  };
}

Tensor chosen(const std::vector<GateRow>& rows) {
  Tensor result = torch::empty({int64_t(rows.size()), 2}, torch::kInt64);
  for (size_t i = 0; i < rows.size(); ++i) result[int64_t(i)] = torch::tensor({rows[i].layer, rows[i].row});
  return result;
}

TEST(ModelSurgeryGolden, GivenMatricesAreRankedAndEdited) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const Tensor gates = fixture.tensor("in.gates"), v = fixture.tensor("in.v");
    const auto rows =
        rank_gate_rows(gates.size(0), gates.size(1), reader_of(gates), floats(v), int64_t(fixture.in("count")));
    EXPECT_TRUE(torch::equal(chosen(rows), fixture.tensor("out.chosen")));
    std::vector<float> scores;
    for (const GateRow& one : rows) scores.push_back(float(one.score));
    EXPECT_TRUE(fixture.matches(torch::tensor(scores), "out.scores"));

    const WeightDeltas deltas = surgery_deltas(v, chosen(rows), gates.size(0));
    std::vector<Tensor> edited;
    for (int64_t layer = 0; layer < gates.size(0); ++layer)
      edited.push_back(changed_weight(gates[layer], deltas.layers[size_t(layer)], deltas.reads, fixture.in("a")));
    EXPECT_TRUE(fixture.matches(torch::stack(edited), "out.edited"));
  });
}

TEST(ModelSurgeryGolden, AModelGivesTheLogitsOfTheEditedOne) {
  for_each_tensor_fixture(kFixture, [](const TensorFixture& fixture) {
    const Tensor v = fixture.tensor("in.model_v");
    for (bool trainable : {false, true}) {
      SCOPED_TRACE(testing::Message() << "trainable " << trainable);
      const auto model =
          trainable ? open_golden(fixture.model("model"), TrainingOptions{}) : open_golden(fixture.model("model"));
      const int64_t L = model->config().num_layers, F = model->projection(Projection::MlpGate, 0).out();
      const auto rows = rank_gate_rows(L, F, gate_reader(*model), floats(v), int64_t(fixture.in("count")));
      EXPECT_TRUE(torch::equal(chosen(rows), fixture.tensor("out.model_chosen")));
      if (trainable) continue;
      auto session = std::make_unique<WeightDeltaSession>(*model, surgery_deltas(v, chosen(rows), L));
      EXPECT_TRUE(fixture.matches(
          all_logits(*model, token_ids(fixture.tensor("in.prompt")), std::move(session), float(fixture.in("a"))),
          "out.model_logits"));
    }
  });
}

TEST(RankGateRows, PutsRowsFirstThatPointAwayWhateverTheirLength) {
  const Tensor gates = torch::tensor({{{1.0f, 0.0f}, {0.0f, 0.0f}}, {{-3.0f, 4.0f}, {-0.1f, 0.0f}}}),
               v = torch::tensor({2.0f, 0.0f});
  const auto rows = rank_gate_rows(2, 2, reader_of(gates), floats(v), 4);
  EXPECT_TRUE(torch::equal(chosen(rows), torch::tensor({1, 1, 1, 0, 0, 1, 0, 0}, torch::kInt64).view({4, 2})));
  EXPECT_NEAR(rows[0].score, 1.0, 1e-12);
  EXPECT_NEAR(rows[1].score, 0.6, 1e-12);
  EXPECT_EQ(rows[2].score, 0.0);
  EXPECT_NEAR(mean_length({rows[0], rows[1]}, reader_of(gates), 2), (0.1 + 5.0) / 2, 1e-7);
  EXPECT_THROW(rank_gate_rows(2, 2, reader_of(gates), floats(v), 5), ConfigError);
  EXPECT_THROW(rank_gate_rows(2, 2, reader_of(gates), floats(torch::zeros({2})), 1), ConfigError);
}

SurgeryFit toy_fit(const fs::path& file) {
  SurgeryFit fit;
  fit.output = file;
  for (int i = 0; i < 40; ++i) {
    fit.texts.push_back((i % 2 ? "zzz xyz zyx " : "abc cab bac ") + std::to_string(i));
    fit.labels.push_back(i % 2);
  }
  return fit;
}

TEST(FitModelSurgery, AFileShiftsGateRowsOfBothFamiliesInEitherDirection) {
  const TempDir dir;
  for (const fs::path& folder : {testing_support::write_toy_llama(dir.path() / "llama", {}),
                                 testing_support::write_toy_gpt2(dir.path() / "gpt2", {})}) {
    SCOPED_TRACE(folder);
    const auto model = open_exact(folder);
    const fs::path file = dir.path() / "s.detox.safetensors";
    const Json settings = fit_model_surgery(*model, toy_fit(file));
    const int64_t F = folder.filename() == "gpt2" ? 128 : 64;
    EXPECT_EQ(settings.at("of_rows"), 2 * F);
    EXPECT_EQ(settings.at("rows"), F == 128 ? 12 : 6);  // 4.65 %
    EXPECT_EQ(settings.at("matrix"), F == 128 ? "c_fc" : "gate_proj");
    EXPECT_GT(settings.at("probe").at("held_out_accuracy").get<double>(), 0.9);
    EXPECT_GE(settings.at("best_score"), settings.at("worst_score"));
    // The direction is as long as the rows are on average, so that strengths compare across regressions.
    const Tensor direction = float_tensor(*DetoxifierFile::open(file), "direction", {32});
    EXPECT_NEAR(direction.norm().item<double>(), settings.at("row_length").get<double>(), 1e-4);

    const auto detoxifier = open_detoxifier(DetoxSpec::parse(file.string()));
    EXPECT_EQ(detoxifier->name(), "model-surgery");
    EXPECT_EQ(detoxifier->default_strength(), 0.5f);
    const Tensor plain = all_logits(*model, {5, 6, 7, 8});
    for (float strength : {1.0f, -1.0f})
      EXPECT_FALSE(
          torch::allclose(all_logits(*model, {5, 6, 7, 8}, detoxifier->open(*model), strength), plain, 1e-3, 1e-3));
    EXPECT_TRUE(torch::equal(all_logits(*model, {5, 6, 7, 8}, detoxifier->open(*model), 0.0f), plain));
    EXPECT_THROW(open_detoxifier(DetoxSpec::parse(file.string() + "?layers=1")), ConfigError);
  }
}

TEST(FitModelSurgery, RefusesTextsOfOneClassAndMoreRowsThanThereAre) {
  const TempDir dir;
  const auto model = open_exact(testing_support::write_toy_llama(dir.path() / "llama", {}));
  SurgeryFit fit = toy_fit(dir.path() / "s.detox.safetensors");
  fit.rows = 129;
  EXPECT_THROW(fit_model_surgery(*model, fit), ConfigError);
  fit.rows = 128;
  EXPECT_NO_THROW(fit_model_surgery(*model, fit));
  std::fill(fit.labels.begin(), fit.labels.end(), 0);
  EXPECT_THROW(fit_model_surgery(*model, fit), ConfigError);
  fit.labels.pop_back();
  EXPECT_THROW(fit_model_surgery(*model, fit), ShapeError);
}

TEST(LoadModelSurgery, RefusesMalformedFiles) {
  const TempDir dir;
  const fs::path file = dir.path() / "s.detox.safetensors";
  const auto load = [&](const Tensor& direction, const Tensor& rows) {
    DetoxifierInfo info;
    info.method = "model-surgery";
    info.target = {"llama", 4, 3, 10, ""};
    OutgoingTensors out;
    out.add("direction", direction);
    out.add_integers("rows", rows);
    write_detoxifier(file, info, out.views());
    open_detoxifier(DetoxSpec::parse(file.string()));
  };
  const Tensor v = torch::ones({4}), rows = torch::tensor({0, 5, 2, 1}, torch::kInt64).view({2, 2});
  EXPECT_NO_THROW(load(v, rows));
  EXPECT_THROW(load(torch::ones({5}), rows), FormatError);
  EXPECT_THROW(load(v / 0.0, rows), FormatError);
  EXPECT_THROW(load(v, rows.view({4})), FormatError);
  EXPECT_THROW(load(v, rows.narrow(0, 0, 0)), FormatError);
  EXPECT_THROW(load(v, rows + torch::tensor({1, 0})), FormatError);
  EXPECT_THROW(load(v, rows - torch::tensor({0, 2})), FormatError);
}

TEST(LoadModelSurgery, RefusesATargetWhoseRowsAreFewer) {
  const TempDir dir;
  const fs::path file = dir.path() / "s.detox.safetensors";
  const auto large = open_exact(testing_support::write_toy_llama(dir.path() / "large", {.inner = 128}));
  SurgeryFit fit = toy_fit(file);
  fit.rows = 256;
  fit_model_surgery(*large, fit);
  const auto small = open_exact(testing_support::write_toy_llama(dir.path() / "small", {.inner = 64}));
  EXPECT_THROW(open_detoxifier(DetoxSpec::parse(file.string()))->open(*small), ShapeError);
}

}  // namespace
}  // namespace limpid
