#include "limpid/checkpoints/safetensors.h"
#include "limpid/models/families.h"
#include "tests/support/damage.h"
#include "tests/support/family_model.h"
#include "tests/support/golden.h"

namespace limpid {

Family toy_family();                                                  // toy_family.cpp
std::shared_ptr<Model> make_toy(const ModelConfig&, const Weights&);  // toy_model.cpp

namespace {

using namespace testing_support;

constexpr Site kSites[] = {Site::Embeddings, Site::HeadOutputs, Site::AttentionOutput, Site::LayerOutput};
const TokenIds kIds = {72, 101, 108, 108, 111, 32, 119, 111, 114, 108, 100, 33};

/// Counts the visits of each door, and moves what stands behind one of them.
struct Doors final : ActivationHook {
  explicit Doors(const std::map<Projection, MatrixShape>& shapes) : shape(shapes) {}
  bool listens(Site, int64_t) const override { return true; }
  void activations(Site site, int64_t layer, const nn::Pass&, Tensor& x) override {
    ++sites[{site, layer}];
    if (moved_site == std::pair(site, layer)) x = x + torch::arange(x.size(1)).cos();  // a norm would remove a constant
  }
  bool listens(Projection, int64_t) const override { return true; }
  void projected(Projection projection, int64_t layer, const nn::Pass&, const Tensor& x, Tensor& y) override {
    ++projections[{projection, layer}];
    EXPECT_EQ(x.size(1), shape.at(projection).in);
    EXPECT_EQ(y.size(1), shape.at(projection).out);
    // Each token by another amount: where nothing rotates, softmax does not see what all keys gain alike.
    if (moved_projection == std::pair(projection, layer))
      y = y + torch::outer(torch::arange(1, y.size(0) + 1).sin(), torch::arange(y.size(1)).cos());
  }
  std::map<std::pair<Site, int64_t>, int> sites;
  std::map<std::pair<Projection, int64_t>, int> projections;
  std::map<Projection, MatrixShape> shape;
  std::optional<std::pair<Site, int64_t>> moved_site;
  std::optional<std::pair<Projection, int64_t>> moved_projection;
};

Tensor logits(const Model& model, ActivationHook* hook = nullptr) {
  torch::NoGradGuard no_grad;
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, kIds};
  nn::Pass pass({&sequence, 1});
  return model.output_matrix(model.final_state(pass, Outputs::All, hook));
}

class Families : public testing::Test {
 protected:
  Families() {
    add_family(toy_family());
    add_decoder("toy", make_toy);
    for (const auto& [name, family] : families())
      if (!family.encoder) decoders.emplace(name, &family);
  }
  std::map<std::string, const Family*> decoders;
  TempDir folder;
};

TEST_F(Families, EachOpensTheDoorsItHasOnceForEveryLayerAndWhatIsMovedThereReachesTheLogits) {
  for (const auto& [name, family] : decoders) {
    SCOPED_TRACE(name);
    write_family_model(*family, folder.path() / name);
    const auto model = open_model(folder.path() / name, InferenceOptions{.precision = Precision::Exact});
    const Tensor plain = logits(*model);
    std::map<Projection, MatrixShape> shapes;
    for (const ProjectionFormat& format : family->projections)
      shapes[format.projection] = shape_of(model->config(), format.projection);
    Doors doors(shapes);
    EXPECT_TRUE(torch::equal(logits(*model, &doors), plain));
    size_t projections = 0;
    for (int64_t layer = 0; layer < model->config().num_layers; ++layer) {
      SCOPED_TRACE(testing::Message() << "layer " << layer);
      for (Site site : kSites) {
        SCOPED_TRACE(testing::Message() << "site " << int(site));
        const bool there = site != Site::Embeddings || layer == 0;
        EXPECT_EQ((doors.sites[{site, layer}]), there ? 1 : 0);
        Doors moving(shapes);
        moving.moved_site = std::pair(site, layer);
        EXPECT_EQ(torch::allclose(logits(*model, &moving), plain, 1e-3, 1e-3), !there);
      }
      for (const ProjectionFormat& format : family->projections) {
        if (!has_projection(model->config(), format.projection, layer)) continue;
        SCOPED_TRACE(format.name);
        EXPECT_EQ((doors.projections[{format.projection, layer}]), 1);
        Doors moving(shapes);
        moving.moved_projection = std::pair(format.projection, layer);
        EXPECT_FALSE(torch::allclose(logits(*model, &moving), plain, 1e-3, 1e-3));
        ++projections;
      }
    }
    EXPECT_EQ(doors.projections.size(), projections);
  }
}

TEST_F(Families, EachOpensAsItWasSavedUnderEitherSpellingOfItsNames) {
  for (const auto& [name, family] : decoders) {
    SCOPED_TRACE(name);
    const fs::path saved = folder.path() / name, plain = folder.path() / (name + "-plain");
    const auto written = write_family_model(*family, saved);
    const auto opened = open_model(saved, TrainingOptions{});
    ASSERT_EQ(opened->parameters().size(), written->parameters().size());
    for (const auto& [parameter, value] : written->parameters())
      EXPECT_TRUE(torch::equal(opened->parameters().at(parameter), value)) << parameter;

    const auto file = SafetensorsFile::open(saved / "model.safetensors");
    std::vector<TensorView> views = file->tensors();
    for (TensorView& view : views) view.name = without_prefix(*family, view.name);
    fs::create_directories(plain);
    write_safetensors(plain / "model.safetensors", views);
    fs::copy_file(saved / "config.json", plain / "config.json");
    EXPECT_TRUE(torch::equal(logits(*open_model(plain)), logits(*open_model(saved))));
  }
}

TEST_F(Families, EachOpensAsItWasSavedWithFewerLayers) {
  for (const auto& [name, family] : decoders) {
    SCOPED_TRACE(name);
    const fs::path whole = folder.path() / name, first = folder.path() / (name + "-first");
    write_family_model(*family, whole);
    const auto model = open_model(whole, TrainingOptions{.layers = 1});
    save_hf_folder(*model, first, {}, {.tokenizer = whole});
    const auto opened = open_model(first, InferenceOptions{.precision = Precision::Exact});
    EXPECT_EQ(opened->config().num_layers, 1);
    EXPECT_TRUE(torch::allclose(logits(*opened), logits(*model), 1e-4, 1e-4));
  }
}

TEST_F(Families, ATensorThatHoldsNanOrInfinityIsRefusedByItsName) {
  for (const auto& [name, family] : decoders) {
    const fs::path saved = folder.path() / name, file = saved / "model.safetensors";
    write_family_model(*family, saved);
    const std::string sound = read_file(file);
    const auto original = SafetensorsFile::open(file);
    for (const TensorView& view : original->tensors()) {
      SCOPED_TRACE(name + ", " + view.name);
      overwrite_number(file, view.name, NAN);
      try {
        open_model(saved);
        ADD_FAILURE() << "was opened";
      } catch (const FormatError& error) {
        EXPECT_NE(std::string(error.what()).find(view.name + "\": [0"), std::string::npos) << error.what();
      }
      EXPECT_THROW(open_model(saved, TrainingOptions{}), FormatError);
      overwrite_number(file, view.name, -INFINITY);
      EXPECT_THROW(open_model(saved), FormatError);
      write_file(file, sound);
    }
    EXPECT_NO_THROW(open_model(saved));
  }
}

TEST_F(Families, PartsOfOneMatrixAreItsRowsFromTopToBottom) {
  const fs::path saved = folder.path() / "toy";
  write_family_model(toy_family(), saved);
  const auto model = open_model(saved, TrainingOptions{});
  const auto file = SafetensorsFile::open(saved / "model.safetensors");
  const Tensor qkv = tensor(*file, "net.blocks.1.attn.qkv.weight"),
               gate_up = tensor(*file, "net.blocks.1.mlp.gate_up.weight");
  ASSERT_EQ(qkv.sizes(), (std::vector<int64_t>{96, 32}));
  ASSERT_EQ(gate_up.sizes(), (std::vector<int64_t>{96, 32}));
  const std::pair<Projection, Tensor> parts[] = {{Projection::Query, qkv.narrow(0, 0, 32)},
                                                 {Projection::Key, qkv.narrow(0, 32, 32)},
                                                 {Projection::Value, qkv.narrow(0, 64, 32)},
                                                 {Projection::MlpGate, gate_up.narrow(0, 0, 48)},
                                                 {Projection::MlpUp, gate_up.narrow(0, 48, 48)}};
  for (const auto& [projection, rows] : parts)
    EXPECT_TRUE(torch::equal(model->projection(projection, 1).weight(), rows)) << int(projection);
}

TEST(UnknownFamily, IsNeitherOpenedNorSaved) {
  ModelConfig config;
  config.architecture = "mamba";
  config.source = "m.gguf";
  EXPECT_THROW(make_model(config, nullptr), ConfigError);
  EXPECT_THROW(config_to_huggingface(config), ConfigError);
}

}  // namespace
}  // namespace limpid
