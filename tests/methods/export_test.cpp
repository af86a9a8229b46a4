#include "limpid/methods/export.h"

#include <gtest/gtest.h>

#include "limpid/checkpoints/gguf.h"
#include "limpid/data/pairs.h"
#include "limpid/methods/control_vector.h"
#include "limpid/methods/destein/fit.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/model_surgery/fit.h"
#include "limpid/methods/profs/fit.h"
#include "limpid/methods/registry.h"
#include "tests/methods/all_positions.h"
#include "tests/methods/toy_models.h"
#include "tests/support/golden_model.h"
#include "tests/training/tiny_models.h"

namespace limpid {
namespace {

using namespace destein;
using namespace model_surgery;
using namespace profs;

using testing_support::all_logits;
using testing_support::for_each_golden_folder;
using testing_support::open_exact;
using testing_support::open_golden;
using testing_support::TempDir;

const TokenIds kPrompt = {73, 33, 105, 3, 200, 67, 12};

std::vector<SteeringPair> pairs() {
  std::vector<SteeringPair> pairs;
  for (int i = 0; i < 12; ++i)
    pairs.push_back({"storm and rain " + std::to_string(i * 37), "calm and sun " + std::to_string(i * 91)});
  return pairs;
}

fs::path fit_steering(const Model& model, const fs::path& folder, Tap tap, int64_t first_layer = 0) {
  SteeringFit fit;
  fit.output = folder / (std::string(name(tap)) + ".detox.safetensors");
  fit.pairs = pairs();
  fit.framing.prefixes = false;
  fit.tap = tap;
  fit.rule = SteeringRule::Constant;
  fit.positions = Positions::All;
  fit.first_layer = first_layer;
  fit_destein(model, fit);
  return fit.output;
}

/// Logits of the model with the detoxifier running beside it.
Tensor running(const Model& model, const DetoxSpec& spec) {
  const auto detoxifier = open_detoxifier(spec);
  return all_logits(model, kPrompt, detoxifier->open(model), spec.strength.value_or(detoxifier->default_strength()));
}

/// What is exported and read back gives the logits of what it was made from, and not those of the plain model.
void expect_equal_to_running(const fs::path& base, const DetoxSpec& spec, const fs::path& output) {
  const auto model = open_exact(base);
  export_detoxifier(*open_model(base, TrainingOptions{}), spec, output);
  const Tensor expected = running(*model, spec), got = all_logits(*open_exact(output), kPrompt);
  EXPECT_TRUE(torch::allclose(got, expected, 1e-4, 1e-4))
      << spec.file << ": " << (got - expected).abs().max().item<float>();
  EXPECT_FALSE(torch::allclose(got, all_logits(*model, kPrompt), 1e-2, 1e-2)) << spec.file << ": changes nothing";
}

std::vector<fs::path> toys(const fs::path& folder) {
  return {testing_support::write_toy_llama(folder / "llama", {}), testing_support::write_toy_gpt2(folder / "gpt2", {}),
          testing_support::write_tiny_gemma3(folder / "gemma3")};
}

void check_biases(const fs::path& base, const fs::path& folder) {
  for (Tap tap : {Tap::Heads, Tap::Projection}) {
    SCOPED_TRACE(testing::Message() << base << ", tap " << name(tap));
    const fs::path file = fit_steering(*open_exact(base), folder, tap);
    const DetoxSpec spec = DetoxSpec::parse(file.string() + "?weights=uniform:1.5");
    EXPECT_EQ(export_form(spec), ExportForm::Folder);
    expect_equal_to_running(base, spec, folder / "exported");
  }
}

TEST(Export, ConstantRulesBecomeAttentionBiasesOfAllFamilies) {
  const TempDir dir;
  for (const fs::path& base : toys(dir.path())) check_biases(base, dir.path());
  EXPECT_EQ(read_json(dir.path() / "exported" / "config.json").at("attention_bias"), true);  // the last one, Gemma 3
}

TEST(ExportGolden, ConstantRulesBecomeAttentionBiasesOfEveryModel) {
  const TempDir dir;
  for_each_golden_folder({"models"}, "config.json", [&](const fs::path& folder) {
    if (has_room_for_offsets(open_golden(folder)->config())) return check_biases(folder, dir.path());
    const fs::path file = fit_steering(*open_exact(folder), dir.path(), Tap::Heads);
    EXPECT_THROW(export_detoxifier(*open_model(folder, TrainingOptions{}),
                                   DetoxSpec::parse(file.string() + "?weights=uniform:1.5"), dir.path() / "exported"),
                 ConfigError);
  });
}

TEST(Export, AModelWithBiasesKeepsThem) {
  const TempDir dir;
  const fs::path base = testing_support::write_toy_llama(dir.path() / "llama", {});
  const fs::path once = dir.path() / "once", twice = dir.path() / "twice";
  const DetoxSpec first =
      DetoxSpec::parse(fit_steering(*open_exact(base), dir.path(), Tap::Projection).string() + "?weights=uniform:0.7");
  export_detoxifier(*open_model(base, TrainingOptions{}), first, once);
  expect_equal_to_running(once, first, twice);  // the second push adds to the first
}

TEST(Export, ChangedWeightsAreWrittenForProfsAndModelSurgery) {
  const TempDir dir;
  for (const fs::path& base : toys(dir.path())) {
    SCOPED_TRACE(base);
    const auto model = open_exact(base);
    ProfsFit profs;
    profs.output = dir.path() / "p.detox.safetensors";
    profs.pairs = pairs();
    profs.k = 4;
    profs.first_layer = 0;
    fit_profs(*model, profs);
    expect_equal_to_running(base, DetoxSpec::parse(profs.output.string() + ":0.8"), dir.path() / "exported");

    SurgeryFit surgery;
    surgery.output = dir.path() / "s.detox.safetensors";
    for (const SteeringPair& pair : pairs()) {
      surgery.texts.insert(surgery.texts.end(), {pair.toxic, pair.neutral});
      surgery.labels.insert(surgery.labels.end(), {1, 0});
    }
    surgery.rows = 20;
    fit_model_surgery(*model, surgery);
    expect_equal_to_running(base, DetoxSpec::parse(surgery.output.string() + ":-2"), dir.path() / "exported");
    const auto file = SafetensorsFile::open(dir.path() / "exported" / "model.safetensors");
    const Json about = parse_json(file->metadata().at("limpid"), "metadata");
    EXPECT_EQ(about.at("detoxifier").at("method"), "model-surgery");
    EXPECT_EQ(about.at("detoxifier").at("strength"), -2.0);
  }
}

TEST(Export, AControlVectorReadBackIsTheConstantRuleOnLayerOutputs) {
  const TempDir dir;
  for (const fs::path& base : toys(dir.path())) {
    SCOPED_TRACE(base);
    const auto model = open_exact(base);
    const DetoxSpec spec = DetoxSpec::parse(fit_steering(*model, dir.path(), Tap::Layer, /*first_layer=*/1).string() +
                                            "?weights=uniform:0.6");
    EXPECT_EQ(export_form(spec), ExportForm::ControlVector);
    const fs::path file = dir.path() / "v.gguf";
    export_detoxifier(*model, spec, file);
    const auto read = GgufFile::open(file);
    EXPECT_EQ(read->text("general.architecture"), "controlvector");
    EXPECT_EQ(read->text("controlvector.model_hint"), model->config().architecture);
    EXPECT_EQ(read->integer("controlvector.layer_count"), model->config().num_layers - 1);
    EXPECT_EQ(read->tensors().size(), size_t(model->config().num_layers - 1));

    const Tensor expected = running(*model, spec), got = running(*model, DetoxSpec::parse(file.string()));
    EXPECT_TRUE(torch::allclose(got, expected, 1e-4, 1e-4)) << (got - expected).abs().max().item<float>();
    EXPECT_FALSE(torch::allclose(got, all_logits(*model, kPrompt), 1e-2, 1e-2));
    // Strength scales it; what is steered at generated positions leaves the prompt alone.
    const DetoxSpec half = DetoxSpec::parse(file.string() + ":0.5"),
                    weaker = DetoxSpec::parse(spec.file + "?weights=uniform:0.3");
    EXPECT_TRUE(torch::allclose(running(*model, half), running(*model, weaker), 1e-4, 1e-4));
    EXPECT_TRUE(torch::equal(running(*model, DetoxSpec::parse(file.string() + "?positions=generated:1")),
                             all_logits(*model, kPrompt)));
  }
}

TEST(Export, SaysWhatFitsInsteadOfWhatDoesNot) {
  const TempDir dir;
  const fs::path base = testing_support::write_toy_llama(dir.path() / "llama", {});
  const auto model = open_model(base, TrainingOptions{});
  const fs::path file = fit_steering(*open_exact(base), dir.path(), Tap::Heads);
  const auto refused = [&](const std::string& text, const std::string& part) {
    try {
      export_form(DetoxSpec::parse(text));
      ADD_FAILURE() << text << " was not refused";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused(file.string() + "?rule=preserve", "?rule=constant");
  refused(file.string() + "?gate=middle", "gate");
  refused("control:temperature", "temperature");
  refused("v.gguf", "control vector already");
  EXPECT_THROW(export_detoxifier(*model, DetoxSpec::parse(file.string() + ":0"), dir.path() / "out"), ConfigError);
  EXPECT_THROW(export_detoxifier(*model, DetoxSpec::parse(file.string()), base), ConfigError);
  const auto other =
      open_model(testing_support::write_toy_llama(dir.path() / "other", {.layers = 3}), TrainingOptions{});
  EXPECT_THROW(export_detoxifier(*other, DetoxSpec::parse(file.string()), dir.path() / "out"), MismatchError);
  EXPECT_FALSE(fs::exists(dir.path() / "out"));
}

TEST(ControlVector, AddsItsDirectionsAfterTheBlocksTheyAreNamedFor) {
  const TempDir dir;
  const auto model = open_exact(testing_support::write_toy_llama(dir.path() / "llama", {.layers = 3}));
  torch::manual_seed(3);
  ControlVector vector{{{2, torch::randn({32})}}, "llama"};
  vector.write(dir.path() / "v.gguf");
  const auto session = open_detoxifier(DetoxSpec::parse((dir.path() / "v.gguf").string()))->open(*model);
  EXPECT_FALSE(session->listens(Site::LayerOutput, 1));
  ASSERT_TRUE(session->listens(Site::LayerOutput, 2));

  Row row;
  row.request.prompt_ids = {1, 2, 3};
  const Row* const rows[] = {&row};
  const float strengths[] = {-2.0f};
  const int64_t sequence[] = {0};
  nn::KvCache cache = model->make_cache();
  const nn::Sequence tokens{&cache, row.request.prompt_ids};
  nn::Pass pass(std::span(&tokens, 1));
  Tensor x = torch::randn({3, 32});
  const Tensor expected = x - 2.0f * vector.directions.at(2);
  session->activations(Site::LayerOutput, 2, {rows, strengths, &pass, sequence}, x);
  EXPECT_TRUE(torch::allclose(x, expected, 1e-5, 1e-5));
}

TEST(ControlVector, OfAnotherModelIsRefused) {
  const TempDir dir;
  const auto model =
      open_exact(testing_support::write_toy_llama(dir.path() / "llama", {.layers = 3}));  // width 32, blocks 0 to 2
  const auto open = [&](const ControlVector& vector, const std::string& options = "") {
    vector.write(dir.path() / "v.gguf");
    return open_detoxifier(DetoxSpec::parse((dir.path() / "v.gguf").string() + options))->open(*model);
  };
  EXPECT_NO_THROW(open({{{2, torch::ones({32})}}, "mistral"}));
  EXPECT_THROW(open({{{3, torch::ones({32})}}, "llama"}), MismatchError);
  EXPECT_THROW(open({{{1, torch::ones({48})}}, "llama"}), MismatchError);
  EXPECT_THROW(open({{{1, torch::ones({32})}}, "llama"}, "?layers=1"), ConfigError);
  EXPECT_THROW(open({{{1, torch::ones({32})}}, "llama"}, "?positions=some"), ConfigError);
}

TEST(ControlVector, MalformedFilesAreRefused) {
  const TempDir dir;
  const fs::path file = dir.path() / "v.gguf";
  const auto read = [&](const std::string& architecture, const std::vector<std::pair<std::string, Tensor>>& tensors) {
    OutgoingTensors out;
    for (const auto& [name, values] : tensors) out.add(name, values);
    write_gguf(file, {{"general.architecture", {architecture}}}, out.views());
    return ControlVector::read(file);
  };
  const Tensor ones = torch::ones({4});
  EXPECT_EQ(read("controlvector", {{"direction.1", ones}, {"direction.12", ones}}).directions.size(), 2u);
  EXPECT_THROW(read("llama", {{"direction.1", ones}}), FormatError);
  EXPECT_THROW(read("controlvector", {}), FormatError);
  EXPECT_THROW(read("controlvector", {{"direction.0", ones}}), FormatError);
  EXPECT_THROW(read("controlvector", {{"direction.", ones}}), FormatError);
  EXPECT_THROW(read("controlvector", {{"direction.x", ones}}), FormatError);
  EXPECT_THROW(read("controlvector", {{"direction.1", ones}, {"direction.01", ones}}), FormatError);
  EXPECT_THROW(read("controlvector", {{"blk.1", ones}}), FormatError);
  EXPECT_THROW(read("controlvector", {{"direction.1", ones.view({2, 2})}}), FormatError);
  EXPECT_THROW(read("controlvector", {{"direction.1", ones}, {"direction.2", torch::ones({5})}}), FormatError);
  EXPECT_THROW(read("controlvector", {{"direction.1", ones / 0.0}}), FormatError);
  EXPECT_THROW(DetoxSpec::parse("v.gguf:strong"), ConfigError);
}

}  // namespace
}  // namespace limpid
