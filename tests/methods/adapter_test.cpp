#include "limpid/methods/adapter.h"

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/dexperts/fit.h"
#include "limpid/methods/export.h"
#include "limpid/methods/registry.h"
#include "limpid/models/families.h"
#include "limpid/models/save.h"
#include "tests/methods/all_positions.h"
#include "tests/methods/method_checks.h"
#include "tests/support/family_model.h"
#include "tests/training/tiny_models.h"

namespace limpid {

using namespace dexperts;

std::shared_ptr<Model> make_llama(const ModelConfig&, const Weights&);

namespace {

using namespace testing_support;

/// A toy model, an adapter of every linear layer of its blocks, and the model with `strength` of it merged.
class Adapted {
 public:
  explicit Adapted(const fs::path& folder, double strength = 1.0)
      : folder_(folder),
        adapter_(folder.string() + "-adapter"),
        merged_(folder.string() + "-merged") {
    torch::manual_seed(7);
    const auto whole = open_model(folder, TrainingOptions{});
    ModelChanges changes;
    std::vector<PeftModule> modules;
    std::list<Tensor> kept;
    const PeftConfig config{.rank = 3, .alpha = 6.0, .target_modules = {"all-linear"}};
    for (const auto& [name, parameter] : whole->parameters()) {
      if (parameter.dim() != 2 || (name.find(".mlp.") == std::string::npos && name.find("attn.") == std::string::npos))
        continue;
      const Tensor a = 0.2 * torch::randn({3, parameter.size(1)}), b = 0.2 * torch::randn({parameter.size(0), 3});
      kept.push_back(a);
      kept.push_back(b);
      const auto view = [](const Tensor& x) {
        return TensorView{"", DType::F32, x.sizes().vec(),
                          std::as_bytes(std::span(x.const_data_ptr<float>(), size_t(x.numel())))};
      };
      modules.push_back({name.substr(0, name.size() - std::string(".weight").size()), view(a), view(b)});
      changes.tensors[name] = parameter.detach() + strength * config.scale(3) * b.mm(a);
    }
    count = modules.size();
    write_peft(adapter_, config, modules);
    save_hf_folder(*whole, merged_, {}, changes);
  }
  fs::path adapter() const { return adapter_; }
  std::shared_ptr<const Model> model() const { return open_exact(folder_); }
  std::shared_ptr<const Model> merged() const { return open_exact(merged_); }
  size_t count = 0;

 private:
  fs::path folder_, adapter_, merged_;
};

class Adapter : public testing::Test {
 protected:
  std::vector<fs::path> families() const {
    return {write_toy_llama(folder_.path() / "llama", {.layers = 3}),
            write_toy_gpt2(folder_.path() / "gpt2", {.layers = 3})};
  }
  TempDir folder_;
};

TEST_F(Adapter, ComputesWhatTheMergedModelComputesAtEveryPositionAndStrength) {
  for (const fs::path& folder : families())
    for (double strength : {1.0, -0.7}) {
      SCOPED_TRACE(testing::Message() << folder << ", strength " << strength);
      const Adapted toy(folder, strength);
      EXPECT_EQ(toy.count, folder.filename() == "gpt2" ? 12u : 21u);
      const auto model = toy.model();
      const auto detoxifier = open_detox(toy.adapter());
      EXPECT_EQ(detoxifier->default_strength(), 1.0f);
      const Tensor expected = all_logits(*toy.merged(), kToyPrompt),
                   got = all_logits(*model, kToyPrompt, detoxifier->open(*model), float(strength));
      EXPECT_TRUE(torch::allclose(got, expected, 1e-4, 1e-4)) << (got - expected).abs().max();
      EXPECT_FALSE(torch::allclose(got, all_logits(*model, kToyPrompt), 1e-1, 1e-1));
    }
}

TEST_F(Adapter, OfAMatrixThatLayersShareChangesTheRowsOfEach) {
  Family fused = *find_family("llama");
  fused.name = "fused";
  fused.model_types = {"fused"};
  for (Projection part : {Projection::Query, Projection::Key, Projection::Value})
    for (ProjectionFormat& format : fused.projections)
      if (format.projection == part) format.huggingface.name = "self_attn.qkv_proj";
  add_family(fused);
  add_decoder("fused", make_llama);
  write_family_model(fused, folder_.path() / "fused");
  const Tensor a = torch::randn({2, 32}), b = torch::randn({96, 2});
  const auto view = [](const Tensor& x) {
    return TensorView{"", DType::F32, x.sizes().vec(),
                      std::as_bytes(std::span(x.const_data_ptr<float>(), size_t(x.numel())))};
  };
  write_peft(folder_.path() / "adapter", {.rank = 2, .alpha = 2.0},
             {{"model.layers.1.self_attn.qkv_proj", view(a), view(b)}});
  const auto deltas =
      adapter_deltas(*PeftAdapter::open(folder_.path() / "adapter"), *open_exact(folder_.path() / "fused"));
  ASSERT_EQ(deltas.size(), 3u);
  for (int64_t part = 0; part < 3; ++part) {
    EXPECT_EQ(deltas[size_t(part)].projection, Projection(part));
    EXPECT_TRUE(deltas[size_t(part)].layers[0].empty());
    EXPECT_TRUE(torch::equal(deltas[size_t(part)].layers[1].down, a));
    EXPECT_TRUE(torch::equal(deltas[size_t(part)].layers[1].up, b.narrow(0, 32 * part, 32).t()));
  }
}

TEST_F(Adapter, SpecOfAFolderTakesAStrengthAndRowsDoNotSeeOneAnother) {
  for (const fs::path& folder : families()) {
    SCOPED_TRACE(folder);
    const Adapted toy(folder);
    const DetoxSpec spec = DetoxSpec::parse(toy.adapter().string() + ":-0.5");
    EXPECT_EQ(spec.strength, -0.5f);
    const auto model = toy.model();
    testing_support::expect_rows_do_not_see_one_another(model, *open_detoxifier(spec), -0.5f);
    testing_support::expect_samples_of_a_prompt_share_its_reading(model, *open_detoxifier(spec), -0.02f);
  }
}

TEST_F(Adapter, AsAnAntiExpertTheTargetReadsAlongWithItAndAgreesWithTheMergedModel) {
  for (const fs::path& folder : families()) {
    SCOPED_TRACE(folder);
    const Adapted toy(folder);
    const auto model = toy.model();
    ExpertsFit fit;
    fit.output = folder_.path() / "e.detox.safetensors";
    fit.mask = {TokenMask::Kind::None, 1.0};
    const auto run = [&](const fs::path& anti) {
      fit.anti = anti;
      fit_dexperts(*model, fit);
      return decode_with(model, *open_detox(fit.output), kToyPrompt, 16, {1.0f})[0];
    };
    const auto by_adapter = run(toy.adapter()), by_model = run(toy.merged()->path());
    EXPECT_EQ(by_adapter.ids, by_model.ids);
    EXPECT_LT((by_adapter.logits - by_model.logits).abs().max().item<float>(), 1e-3f);
    EXPECT_FALSE(torch::allclose(by_adapter.logits[0], decode_plain(model, kToyPrompt, 1)[0].logits[0], 1e-1, 1e-1));
  }
}

TEST_F(Adapter, ExportsAsAModelWithItsStrengthMerged) {
  auto folders = families();
  folders.push_back(write_tiny_gemma3(folder_.path() / "gemma3", /*layers=*/3));
  for (const fs::path& folder : folders)
    for (const char* strength : {"", ":-0.7"}) {
      SCOPED_TRACE(testing::Message() << folder << strength);
      const Adapted toy(folder, *strength ? -0.7 : 1.0);
      const fs::path out = folder_.path() / "exported";
      fs::remove_all(out);
      export_detoxifier(*open_model(folder, TrainingOptions{}), DetoxSpec::parse(toy.adapter().string() + strength),
                        out);
      const Tensor expected = all_logits(*toy.merged(), kToyPrompt), got = all_logits(*open_exact(out), kToyPrompt);
      EXPECT_TRUE(torch::allclose(got, expected, 1e-5, 1e-5)) << (got - expected).abs().max();
    }
}

TEST_F(Adapter, OfAnotherModelIsRefusedNamingTheModule) {
  const auto folders = families();
  const Adapted llama(folders[0]), gpt2(folders[1]);
  const auto refused = [&](const Adapted& adapted, const Model& model, const char* says) {
    const std::string message = message_of([&] { open_detox(adapted.adapter())->open(model); });
    EXPECT_NE(message.find(says), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  };
  refused(gpt2, *llama.model(), "attn.c_attn\" is not a linear layer of the 3 blocks");
  refused(llama, *gpt2.model(), "was it trained on another model?");
  refused(llama, *open_exact(write_toy_llama(folder_.path() / "short", {.layers = 1})), "layers.1.");
  refused(llama, *open_exact(write_toy_llama(folder_.path() / "wide", {.width = 64, .layers = 3})),
          "was it trained on another model?");
  EXPECT_NE(message_of([&] { open_detox(llama.adapter(), "?layers=3"); }).find("option \"layers\" is not known"),
            std::string::npos);
}

TEST_F(Adapter, ItsHashSeesHowTheWeightsAreScaled) {
  const Adapted one(families()[0]);
  const std::string before = weights_sha256(one.adapter());
  Json config = read_json(one.adapter() / "adapter_config.json");
  config["lora_alpha"] = 7.0;
  write_file(one.adapter() / "adapter_config.json", to_text(config));
  EXPECT_NE(weights_sha256(one.adapter()), before);
}

}  // namespace
}  // namespace limpid
