#include "limpid/conversion/gguf_metadata.h"

#include <gtest/gtest.h>

#include <functional>

namespace limpid {
namespace {

ModelConfig llama(const Json& changes = Json::object()) {
  Json json = {{"model_type", "llama"},    {"vocab_size", 400},
               {"hidden_size", 64},        {"num_hidden_layers", 2},
               {"num_attention_heads", 4}, {"num_key_value_heads", 4},
               {"intermediate_size", 128}, {"max_position_embeddings", 128}};
  json.update(changes);
  return config_from_huggingface(json, Json(), "config.json");
}

/// What is read of the GGUF file of a model without biases.
ModelConfig through_gguf(const ModelConfig& config) {
  return config_from_gguf(*GgufFile::of(gguf_metadata(config, false), {}, "m.gguf"));
}

TEST(FirstDifference, IsSeenInEverySettingThatIsComputedWith) {
  const ModelConfig config = llama();
  EXPECT_EQ(first_difference(config, config), "");
  const std::function<void(ModelConfig&)> changes[] = {
      [](ModelConfig& c) { c.norm_eps = 1; },
      [](ModelConfig& c) { c.activation = "gelu"; },
      [](ModelConfig& c) { c.tie_word_embeddings = true; },
      [](ModelConfig& c) { c.attention_bias = true; },
      [](ModelConfig& c) { c.mlp_bias = true; },
      [](ModelConfig& c) { c.embedding_width = 32; },
      [](ModelConfig& c) { c.embedding_scale = 2; },
      [](ModelConfig& c) { c.residual_scale = 2; },
      [](ModelConfig& c) { c.logit_scale = 2; },
      [](ModelConfig& c) { c.norm_first = false; },
      [](ModelConfig& c) { c.parallel_halves = true; },
      [](ModelConfig& c) { c.separate_norms = false; },
      [](ModelConfig& c) { c.alibi_bias_max = 8; },
      [](ModelConfig& c) { c.qkv_clip = 8; },
      [](ModelConfig& c) { c.rope.theta = 5e5; },
      [](ModelConfig& c) { c.rope.magnitude = 1.2; },
      [](ModelConfig& c) { c.rope.scaling = RopeConfig::Scaling::kLinear, c.rope.factor = 2; },
      [](ModelConfig& c) { c.rotary_fraction = 0.5; },
      [](ModelConfig& c) { c.rotating_layers = {true, false}; },
      [](ModelConfig& c) { c.sliding_window = 8, c.layer_types[1] = LayerType::kSliding; },
      [](ModelConfig& c) { c.attention_scale = 1; },
      [](ModelConfig& c) { c.attention_softcap = 5; },
      [](ModelConfig& c) { c.final_softcap = 5; },
      [](ModelConfig& c) { c.position_offset = 2; },
      [](ModelConfig& c) { c.max_positions = 64; }};
  for (size_t i = 0; i < std::size(changes); ++i) {
    ModelConfig changed = config;
    changes[i](changed);
    EXPECT_NE(first_difference(changed, config), "") << "change " << i;
  }
}

TEST(FirstDifference, IsNotWhatSaysTheSameInAnotherWay) {
  ModelConfig config = llama(), other = config;
  other.embedding_width = 64;
  other.rotating_layers = {true, true};
  other.sliding_window = 8;  // no layer has one
  other.norm_eps = float(config.norm_eps);
  other.eos_ids = {7};  // the tokenizer's
  EXPECT_EQ(first_difference(config, other), "");
  config.eos_ids = {7, 5};
  EXPECT_NE(first_difference(config, other), "");
}

TEST(GgufMetadata, SaysYarnsTurnsMagnitudeAndFirstContext) {
  const ModelConfig config = llama({{"rope_scaling",
                                     {{"rope_type", "yarn"},
                                      {"factor", 4.0},
                                      {"beta_fast", 8.0},
                                      {"attention_factor", 1.5},
                                      {"original_max_position_embeddings", 32}}}});
  EXPECT_EQ(first_difference(config, through_gguf(config)), "");
}

TEST(GgufMetadata, OfPartsOfAFamilyAreReadAsTheyWere) {
  const Json granite = {{"model_type", "granite"},
                        {"embedding_multiplier", 3.0},
                        {"residual_multiplier", 0.4},
                        {"attention_multiplier", 0.2},
                        {"logits_scaling", 2.5}};
  const Json mistral = {{"model_type", "mistral"}, {"sliding_window", nullptr}};
  const Json mpt = {{"model_type", "mpt"},
                    {"tie_word_embeddings", false},
                    {"attn_config", {{"alibi_bias_max", 16}, {"clip_qkv", 0.5}}}};
  const Json neox = {{"model_type", "gpt_neox"}, {"use_parallel_residual", false}, {"attention_bias", false}};
  for (const Json& changes : {granite, mistral, mpt, neox}) {
    const ModelConfig config = llama(changes);
    EXPECT_EQ(first_difference(config, through_gguf(config)), "") << config.architecture;
  }
  const ModelConfig windows = llama({{"model_type", "mistral"}, {"sliding_window", 8}});
  EXPECT_THROW(through_gguf(windows), ConfigError);  // GGUF's llama has no window
}

}  // namespace
}  // namespace limpid
