#include <gtest/gtest.h>

#include <iostream>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/core/json.h"
#include "limpid/models/encoder.h"
#include "tests/support/fixtures.h"

/// Every classifier in golden/models against what transformers computed: embeddings, each layer, features, logits,
/// probabilities. A folder counts as a classifier by its config.json, not by its name.
namespace limpid {
namespace {

struct Golden {
  std::shared_ptr<const Checkpoint> file;
  Tensor floats(const std::string& name) const {
    const TensorView& view = file->at(name);
    return torch::tensor(to_floats(view)).reshape(view.shape);
  }
  std::vector<int64_t> integers(const std::string& name) const { return to_integers(file->at(name)); }
};

/// Keeps every stage.
class Recorder final : public EncoderHook {
 public:
  void stage(int64_t stage, const EncoderBatch& batch, const Tensor& x) override { stages.push_back(x.clone()); }
  std::vector<Tensor> stages;
};

float largest_difference(const Tensor& a, const Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  const Tensor difference = (a - b).abs();
  return difference.isfinite().all().item<bool>() ? difference.max().item<float>() : INFINITY;
}

/// Tokens of row `row` of a padded batch; padding is on the right.
TokenIds tokens_of(const Golden& golden, const std::string& name, int64_t row) {
  const auto shape = golden.file->at("attention_mask").shape;
  const auto mask = golden.integers("attention_mask"), values = golden.integers(name);
  TokenIds tokens;
  for (int64_t t = 0; t < shape[1]; ++t)
    if (mask[size_t(row * shape[1] + t)] == 1) tokens.push_back(TokenId(values[size_t(row * shape[1] + t)]));
  return tokens;
}

void check_folder(const fs::path& folder) {
  InferenceOptions options;
  options.precision = Precision::Exact;
  const auto encoder = open_encoder(folder, options);
  const Golden golden{Checkpoint::open(folder / "golden.safetensors")};
  const int64_t rows = golden.file->at("input_ids").shape[0];
  EncoderBatch batch;
  for (int64_t r = 0; r < rows; ++r) {
    const bool typed = golden.file->find("token_type_ids") != nullptr;
    batch.add(tokens_of(golden, "input_ids", r), typed ? tokens_of(golden, "token_type_ids", r) : TokenIds());
  }

  Recorder recorder;
  const Tensor hidden = encoder->hidden(batch, &recorder);
  const Tensor embeddings = golden.floats("embeddings"), layers = golden.floats("layers");
  ASSERT_EQ(int64_t(recorder.stages.size()), layers.size(0) + 1);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t begin = batch.offset[size_t(r)], length = batch.offset[size_t(r) + 1] - begin;
    for (size_t stage = 0; stage < recorder.stages.size(); ++stage) {
      const Tensor expected = (stage == 0 ? embeddings : layers[int64_t(stage) - 1])[r].narrow(0, 0, length);
      EXPECT_LE(largest_difference(recorder.stages[stage].narrow(0, begin, length), expected), 1e-4f)
          << "stage " << stage << ", row " << r;
    }
  }
  const Tensor features = encoder->features(batch, hidden), logits = encoder->logits(features);
  EXPECT_LE(largest_difference(features, golden.floats("features")), 1e-5f);
  EXPECT_LE(largest_difference(logits, golden.floats("logits")), 1e-5f);
  EXPECT_LE(largest_difference(encoder->probabilities(logits), golden.floats("probabilities")), 1e-5f);
}

TEST(EncoderGolden, EveryClassifierAgreesWithTransformers) {
  const fs::path models = testing_support::golden_dir() / "models";
  LIMPID_REQUIRE_PATH(models);
  int checked = 0;
  for (const auto& entry : fs::directory_iterator(models)) {
    const fs::path folder = entry.path();
    if (!fs::exists(folder / "config.json")) continue;
    const ModelConfig config = read_config(folder);
    if (!config.is_encoder()) {
      if (config.raw.contains("id2label"))
        std::cout << "skipped: " << folder.filename().string() << ": encoders of kind " << config.architecture
                  << " are not supported\n";
      continue;
    }
    SCOPED_TRACE(folder.filename().string());
    ASSERT_NO_THROW(check_folder(folder));
    ++checked;
  }
  EXPECT_GT(checked, 0) << models << " holds no classifier";
}

/// The ids of golden.json's texts by the tokenizer beside the model: text in, probabilities out.
TEST(EncoderGolden, TheTokenizerBesideTheModelGivesTheGoldenIds) {
  const fs::path models = testing_support::golden_dir() / "models";
  LIMPID_REQUIRE_PATH(models);
  int checked = 0;
  for (const auto& entry : fs::directory_iterator(models)) {
    const fs::path folder = entry.path();
    if (!fs::exists(folder / "golden.json") || !read_config(folder).is_encoder()) continue;
    SCOPED_TRACE(folder.filename().string());
    const Json texts = read_json(folder / "golden.json").value("texts", Json::array());
    const auto encoder = open_encoder(folder);
    const Golden golden{Checkpoint::open(folder / "golden.safetensors")};
    for (size_t row = 0; row < texts.size(); ++row) {
      if (!texts[row].is_string()) continue;  // pairs are put together by the caller
      EXPECT_EQ(encoder->encode(texts[row].get<std::string>(), encoder->max_tokens()),
                tokens_of(golden, "input_ids", int64_t(row)));
      ++checked;
    }
  }
  EXPECT_GT(checked, 0) << models << " holds no text of a classifier";
}

}  // namespace
}  // namespace limpid
