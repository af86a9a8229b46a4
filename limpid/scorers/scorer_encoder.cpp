#include "limpid/scorers/scorer_encoder.h"

#include <algorithm>

#include "limpid/checkpoints/model_store.h"

namespace limpid {
namespace {

/// Collects the means of the stages that a head asks for.
class StageMeans final : public EncoderHook {
 public:
  StageMeans(std::span<const int64_t> stages, Tensor& out) : stages_(stages), out_(out) {}
  void stage(int64_t stage, const EncoderBatch& batch, const Tensor& x) override {
    const int64_t D = x.size(1), F = out_.size(1);
    for (size_t s = 0; s < stages_.size(); ++s) {
      if (stages_[s] != stage) continue;
      const Tensor mean = mean_pool(batch, x, /*normalise=*/true);
      for (int64_t b = 0; b < batch.texts(); ++b)
        std::copy_n(mean.const_data_ptr<float>() + b * D, D, out_.mutable_data_ptr<float>() + b * F + int64_t(s) * D);
    }
  }

 private:
  std::span<const int64_t> stages_;
  Tensor& out_;
};

}  // namespace

Tensor compute_features(const ScorerFeatures& features, const Encoder& encoder, const EncoderBatch& batch) {
  Tensor out =
      torch::empty({batch.texts(), int64_t(features.stages.size()) * encoder.config().hidden_size}, torch::kFloat32);
  StageMeans means(features.stages, out);
  encoder.hidden(batch, &means);
  return out;
}

std::shared_ptr<const Encoder> open_scorer_encoder(const ScorerFile& file, Precision precision,
                                                   const std::string& source) {
  const fs::path beside = fs::path(source).parent_path() / file.encoder_name;
  const fs::path folder = fs::exists(beside / "config.json") ? beside : resolve_model(file.encoder_name);
  const std::string hash = encoder_weights_sha256(folder);
  LIMPID_CHECK(hash == file.encoder_sha256, MismatchError, source, ": was trained on weights ",
               file.encoder_sha256.substr(0, 12), " of ", file.encoder_name, ", ", folder.string(), " holds ",
               hash.substr(0, 12));
  InferenceOptions options;
  options.precision = precision;
  auto encoder = open_encoder(folder, options);
  LIMPID_CHECK(encoder->tokenizer(), ConfigError, folder.string(), ": has no tokenizer (tokenizer.json or vocab.txt)");
  LIMPID_CHECK(vocab_sha256(*encoder->tokenizer()) == file.vocab_sha256, MismatchError, source,
               ": was trained with another vocabulary than ", folder.string());
  const int64_t F = int64_t(file.features.stages.size()) * encoder->config().hidden_size;
  LIMPID_CHECK(int64_t(file.inputs()) == F, MismatchError, source, ": the head takes ", file.inputs(), " values, ",
               file.encoder_name, " gives ", F);
  for (int64_t stage : file.features.stages)
    LIMPID_CHECK(stage <= encoder->num_layers(), MismatchError, source, ": reads stage ", stage, " of an encoder with ",
                 encoder->num_layers(), " layers");
  LIMPID_CHECK(file.features.max_length <= encoder->max_tokens(), MismatchError, source, ": reads ",
               file.features.max_length, " tokens, ", file.encoder_name, " takes ", encoder->max_tokens());
  return encoder;
}

std::string encoder_weights_sha256(const fs::path& folder) {
  if (fs::exists(folder / "model.safetensors")) return sha256_file(folder / "model.safetensors");
  std::vector<fs::path> shards;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") shards.push_back(entry.path());
  std::sort(shards.begin(), shards.end());
  std::string hashes;
  for (const fs::path& shard : shards) hashes += sha256_file(shard);
  return sha256(hashes);
}

}  // namespace limpid
