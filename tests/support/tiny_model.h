#pragma once

#include <map>
#include <memory>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/core/random.h"
#include "limpid/models/model.h"

/// Tiny models with random weights, built in the test.
namespace limpid::testing_support {

/// A checkpoint in memory that makes up any tensor it is asked for, by name and seed: always the same numbers for a
/// name.
class RandomCheckpoint final : public Checkpoint {
 public:
  RandomCheckpoint(const ModelConfig& config, uint64_t seed) {
    const int64_t D = config.hidden_size, F = config.intermediate_size, kv = config.num_kv_heads * config.head_dim;
    add("model.embed_tokens.weight", {config.vocab_size, D}, 1.0f, seed);
    add("model.norm.weight", {D}, 0.0f, seed);
    if (!config.tie_word_embeddings) add("lm_head.weight", {config.vocab_size, D}, 0.3f, seed);
    for (int64_t l = 0; l < config.num_layers; ++l) {
      const std::string p = "model.layers." + std::to_string(l) + ".";
      add(p + "input_layernorm.weight", {D}, 0.0f, seed);
      add(p + "post_attention_layernorm.weight", {D}, 0.0f, seed);
      add(p + "self_attn.q_proj.weight", {config.num_heads * config.head_dim, D}, 0.3f, seed);
      add(p + "self_attn.k_proj.weight", {kv, D}, 0.3f, seed);
      add(p + "self_attn.v_proj.weight", {kv, D}, 0.3f, seed);
      add(p + "self_attn.o_proj.weight", {D, config.num_heads * config.head_dim}, 0.3f, seed);
      add(p + "mlp.gate_proj.weight", {F, D}, 0.3f, seed);
      add(p + "mlp.up_proj.weight", {F, D}, 0.3f, seed);
      add(p + "mlp.down_proj.weight", {D, F}, 0.3f, seed);
    }
  }
  const std::vector<TensorView>& tensors() const override { return views_; }
  const TensorView* find(const std::string& name) const override {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &views_[found->second];
  }
  std::string source() const override { return "tiny model"; }

 private:
  void add(const std::string& name, std::vector<int64_t> shape, float scale, uint64_t seed) {
    TensorView view{name, DType::F32, std::move(shape), {}};
    auto values = std::make_unique<std::vector<float>>(size_t(view.elements()));
    RandomStream random(seed, std::hash<std::string>{}(name));
    for (float& value : *values)
      value = scale == 0.0f ? 1.0f + 0.1f * float(random.next_normal()) : scale * float(random.next_normal());
    view.data = std::as_bytes(std::span<const float>(*values));
    index_[name] = views_.size();
    views_.push_back(view);
    storage_.push_back(std::move(values));
  }
  std::vector<std::unique_ptr<std::vector<float>>> storage_;
  std::vector<TensorView> views_;
  std::map<std::string, size_t> index_;
};

inline ModelConfig tiny_config(int64_t vocab = 96, int64_t width = 32, int64_t layers = 2) {
  ModelConfig config;
  config.architecture = "llama";
  config.source = "tiny";
  config.vocab_size = vocab;
  config.hidden_size = width;
  config.num_layers = layers;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = width / 4;
  config.intermediate_size = 2 * width;
  config.max_positions = 256;
  config.norm_eps = 1e-5;
  config.activation = "silu";
  config.tie_word_embeddings = true;
  config.attention_scale = 1.0 / std::sqrt(double(config.head_dim));
  config.layer_types.assign(size_t(layers), LayerType::kFull);
  return config;
}

/// @param seed  two models of one seed are equal
inline std::shared_ptr<Model> tiny_model(uint64_t seed = 1, Precision precision = Precision::Exact,
                                         ModelConfig config = tiny_config()) {
  InferenceOptions options;
  options.precision = precision;
  return make_model(config, std::make_shared<RandomCheckpoint>(config, seed), options);
}

}  // namespace limpid::testing_support
