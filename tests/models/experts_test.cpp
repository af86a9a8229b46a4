#include "limpid/conversion/convert.h"
#include "limpid/models/families.h"
#include "tests/support/family_model.h"

namespace limpid {
namespace {

using namespace testing_support;

const TokenIds kIds = {72, 101, 108, 108, 111, 32, 119, 111, 114, 108, 100, 33};

Tensor logits(const Model& model, std::span<const size_t> pieces) {
  torch::NoGradGuard no_grad;
  nn::KvCache cache = model.make_cache();
  std::vector<Tensor> states;
  for (size_t first = 0; const size_t count : pieces) {
    const nn::Sequence sequence{&cache, std::span(kIds).subspan(first, count)};
    nn::Pass pass({&sequence, 1});
    states.push_back(model.final_state(pass, Outputs::All));
    first += count;
  }
  return model.output_matrix(torch::cat(states));
}

Tensor logits(const Model& model) {
  const size_t all[] = {kIds.size()};
  return logits(model, all);
}

/// A folder with a tiny model of each family with experts.
class Mixtures : public testing::TestWithParam<const char*> {
 protected:
  Mixtures() : family(*find_family(GetParam())) { trainable = write_family_model(family, folder.path()); }
  std::shared_ptr<Model> open(const fs::path& path, Precision precision = Precision::Exact) const {
    return open_model(path, InferenceOptions{.precision = precision});
  }
  TempDir folder;
  const Family& family;
  std::shared_ptr<Model> trainable;
};

TEST_P(Mixtures, HaveTheSameLogitsAtOnceAndTokenByToken) {
  const size_t pieces[] = {1, 4, 1, 1, 5};
  for (Precision precision : {Precision::Exact, Precision::BF16, Precision::Int8}) {
    const auto model = open(folder.path(), precision);
    EXPECT_TRUE(torch::equal(logits(*model, pieces), logits(*model))) << name(precision);
  }
}

TEST_P(Mixtures, ComputeInTrainingWhatTheyComputeInInference) {
  torch::NoGradGuard no_grad;
  std::vector<int64_t> ids(kIds.begin(), kIds.end());
  nn::Pass dense = nn::Pass::dense(torch::tensor(ids).unsqueeze(0));
  const Tensor trained = trainable->output_matrix(trainable->final_state(dense, Outputs::All));
  EXPECT_TRUE(torch::allclose(trained, logits(*open(folder.path())), 1e-4, 1e-4));
}

TEST_P(Mixtures, HaveTheSameBitsInAGgufFile) {
  const fs::path gguf = folder.path() / "m.gguf";
  if (GetParam() == std::string("qwen3_moe")) {  // GGUF files cannot say that shares are partial
    Json config = family_config(family);
    config["norm_topk_prob"] = true;
    write_file(folder.path() / "config.json", to_text(config));
  }
  write_gguf_model(folder.path(), gguf, std::nullopt);
  const auto from_folder = open(folder.path()), from_file = open(gguf);
  EXPECT_EQ(from_file->config().architecture, GetParam());
  EXPECT_TRUE(torch::equal(logits(*from_file), logits(*from_folder)));
}

TEST_P(Mixtures, RefuseChangesOfTheFeedForwardInOneLine) {
  const auto model = open(folder.path());
  EXPECT_FALSE(model->has(Projection::MlpDown));
  try {
    model->projection(Projection::MlpDown, 1);
    ADD_FAILURE() << "there is such a layer";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("layer 1 has experts instead of such a linear layer"), std::string::npos)
        << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(EachFamily, Mixtures, testing::Values("mixtral", "qwen3_moe"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Mixture, MayHaveDenseLayersBetween) {
  const TempDir folder;
  Family family = *find_family("qwen3_moe");
  Json config = family_config(family, /*layers=*/3);
  config["mlp_only_layers"] = {1};
  write_file(folder.path() / "config.json", to_text(config));
  const auto fresh = [&](const std::string& name, torch::IntArrayRef shape) {
    return family_weight(family, name, shape);
  };
  const auto made = make_model(read_config(folder.path()), nullptr, TrainingOptions{.fresh = fresh});
  EXPECT_TRUE(made->parameters().contains("model.layers.1.mlp.up_proj.weight"));
  EXPECT_TRUE(made->parameters().contains("model.layers.2.mlp.experts.3.up_proj.weight"));
  EXPECT_FALSE(made->parameters().contains("model.layers.2.mlp.up_proj.weight"));
  save_hf_folder(*made, folder.path(), {}, {.tokenizer = folder.path()});
  const auto opened = open_model(folder.path(), InferenceOptions{.precision = Precision::Exact});
  EXPECT_TRUE(opened->projection(Projection::MlpDown, 1).defined());
  EXPECT_THROW(opened->projection(Projection::MlpDown, 2), ConfigError);
  EXPECT_TRUE(torch::isfinite(logits(*opened)).all().item<bool>());
}

}  // namespace
}  // namespace limpid
