#include <gtest/gtest.h>

#include <cmath>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/checkpoints/tied_output.h"
#include "limpid/core/warnings.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/fixtures.h"

/// Settings of config.json and GGUF metadata that are neither read nor harmless, and those that files contradict.
namespace limpid {
namespace {

using namespace test_builders;
using testing_support::TempDir;
using Scaling = RopeConfig::Scaling;

Json llama(const Json& changes = Json::object()) {
  Json config = {{"model_type", "llama"},  {"vocab_size", 400},        {"hidden_size", 64},
                 {"num_hidden_layers", 3}, {"num_attention_heads", 4}, {"intermediate_size", 128}};
  config.update(changes);
  return config;
}

Json gemma3(const Json& changes = Json::object()) {
  Json config =
      llama({{"model_type", "gemma3_text"}, {"num_key_value_heads", 1}, {"head_dim", 24}, {"sliding_window", 8}});
  config.update(changes);
  return config;
}

ModelConfig read(const Json& config) { return config_from_huggingface(config, Json(), "dir/config.json"); }

std::string refusal(const Json& config) {
  try {
    read(config);
  } catch (const Error& error) {
    return error.what();
  }
  return "was read";
}

testing::AssertionResult says(const std::string& message, const std::string& part) {
  if (message.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << message;
}

/// Collects warnings, and ignores settings, as long as it lives.
struct Listener {
  std::vector<std::string> heard;
  explicit Listener(const std::vector<std::string>& ignored = {}) {
    listen_to_warnings([this](const std::string& message) { heard.push_back(message); });
    ignore_settings(ignored);
  }
  ~Listener() {
    listen_to_warnings(nullptr);
    ignore_settings({});
  }
};

TEST(Settings, OfVeryManyThatNobodyKnowsSomeAreNamedAndTheOthersCounted) {
  Json many = Json::object();
  for (int i = 0; i < 1000; ++i) many["unknown" + std::to_string(i) + std::string(500, 'x')] = std::string(500, 'y');
  const std::string message = refusal(llama(many));
  EXPECT_TRUE(says(message, " and 988 others, which is not supported"));
  EXPECT_LT(message.size(), 4000u);
}

TEST(Settings, OneThatNobodyKnowsIsRefusedByNameAndValueUnlessItIsOff) {
  EXPECT_TRUE(
      says(refusal(llama({{"qk_norm", true}})), "dir/config.json: \"qk_norm\" is true, which is not supported"));
  EXPECT_TRUE(says(refusal(llama({{"logit_scale", 0.5}, {"qk_norm", "l2"}})),
                   "\"logit_scale\" is 0.5 and \"qk_norm\" is \"l2\""));
  EXPECT_TRUE(says(refusal(llama({{"sliding_window", 4096}})), "\"sliding_window\" is 4096"));
  EXPECT_TRUE(says(refusal(llama({{"num_local_experts", 8}})), "\"num_local_experts\""));
  EXPECT_TRUE(says(refusal(llama({{"query_pre_attn_scalar", 256}})), "\"query_pre_attn_scalar\" is 256"));
  EXPECT_TRUE(says(refusal(gemma3({{"use_bidirectional_attention", true}})), "\"use_bidirectional_attention\""));
  for (const Json& off : {Json(nullptr), Json(false), Json(0), Json(0.0), Json(""), Json::array(), Json::object()})
    EXPECT_EQ(read(llama({{"qk_norm", off}})).hidden_size, 64) << off;
}

TEST(Settings, WhatPublishedConfigsHoldBesideIsHarmless) {
  EXPECT_EQ(read(llama({{"_name_or_path", "somewhere"},
                        {"architectures", {"LlamaForCausalLM"}},
                        {"attention_dropout", 0.1},
                        {"bos_token_id", 1},
                        {"is_decoder", true},
                        {"is_llama_config", true},
                        {"initializer_range", 0.04},
                        {"pretraining_tp", 2},
                        {"rope_interleaved", false},
                        {"sliding_window", nullptr},
                        {"temperature", 0.6},
                        {"torch_dtype", "bfloat16"},
                        {"transformers.js_config", {{"dtype", "q4"}}},
                        {"transformers_version", "4.45.0"},
                        {"use_cache", true},
                        {"use_sliding_window", false},
                        {"max_window_layers", 28}}))
                .num_layers,
            3);
  EXPECT_EQ(read({{"model_type", "gpt2"},
                  {"vocab_size", 400},
                  {"n_embd", 64},
                  {"n_layer", 2},
                  {"n_head", 4},
                  {"n_ctx", 512},
                  {"embd_pdrop", 0.1},
                  {"summary_type", "cls_index"},
                  {"reorder_and_upcast_attn", true},
                  {"task_specific_params", {{"text-generation", {{"do_sample", true}}}}}})
                .max_positions,
            1024);
}

TEST(Settings, AreRefusedInsideRotaryObjectsAndBesideATextPartToo) {
  EXPECT_TRUE(says(refusal(llama({{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2}, {"mscale", 0.7}}}})),
                   "\"rope_scaling\": \"mscale\" is 0.7"));
  EXPECT_TRUE(says(refusal(llama({{"rope_scaling", {{"rope_type", "default"}, {"factor", 2}}}})), "\"factor\" is 2"));
  EXPECT_TRUE(says(refusal(llama({{"rope_scaling", {{"type", "linear"}}}})), "\"factor\" is missing"));
  EXPECT_TRUE(says(refusal({{"model_type", "gemma3"},
                            {"num_local_experts", 8},
                            {"vision_config", {{"hidden_size", 8}}},
                            {"text_config", gemma3()}}),
                   "\"num_local_experts\""));
}

TEST(Settings, ThatAnotherSettingContradictsAreRefused) {
  EXPECT_TRUE(
      says(refusal(llama({{"n_embd", 32}})), "\"hidden_size\" is 64 and \"n_embd\", another spelling of it, 32"));
  EXPECT_EQ(read(llama({{"n_embd", 64}})).hidden_size, 64);
  EXPECT_TRUE(says(refusal(llama({{"rms_norm_eps", 1e-6}, {"layer_norm_eps", 1e-5}})), "\"rms_norm_eps\" is 1e-06"));
  EXPECT_TRUE(says(refusal(llama({{"is_causal", false}})), "not causal"));
  EXPECT_TRUE(says(refusal({{"model_type", "bert"},
                            {"vocab_size", 400},
                            {"hidden_size", 48},
                            {"num_hidden_layers", 1},
                            {"num_attention_heads", 4},
                            {"intermediate_size", 96},
                            {"is_decoder", true}}),
                   "\"is_decoder\" is true"));
}

TEST(Settings, ThatAreIgnoredByNameCountAsAbsentAndAreWarnedOf) {
  const Listener listener({"qk_norm", "rope_scaling"});
  const ModelConfig config = read(llama({{"qk_norm", true}, {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 2}}}}));
  EXPECT_EQ(config.rope.scaling, Scaling::kNone);
  EXPECT_FALSE(config.raw.contains("qk_norm")) << "a model made of it does not have it either";
  ASSERT_EQ(listener.heard.size(), 2u);
  EXPECT_TRUE(says(listener.heard[0], "dir/config.json: \"qk_norm\" is true, which is ignored"));
  read(llama({{"qk_norm", true}}));
  EXPECT_EQ(listener.heard.size(), 2u) << "said once";
}

TEST(Settings, RotaryBasesCountFromTheInside) {
  const Json base_inside = {{"rope_type", "default"}, {"rope_theta", 5e5}};
  const Json linear = {{"type", "linear"}, {"factor", 2.0}};
  EXPECT_EQ(read(llama({{"rope_scaling", base_inside}})).rope.theta, 5e5);
  EXPECT_EQ(read(llama({{"rope_theta", 1e4}, {"rope_scaling", base_inside}})).rope.theta, 5e5);
  EXPECT_EQ(read(llama({{"rope_theta", 3e4}, {"rope_parameters", linear}})).rope.theta, 3e4);
  const ModelConfig both = read(llama({{"rope_scaling", linear}, {"rope_parameters", base_inside}}));
  EXPECT_EQ(both.rope.theta, 1e4) << "the old name counts alone";
  EXPECT_EQ(both.rope.factor, 2);
  EXPECT_EQ(read(llama({{"rope_scaling", Json::object()}, {"rope_parameters", base_inside}})).rope.theta, 5e5);
}

TEST(Settings, AFamilyWithTwoRotaryBasesTakesTheOldNameForItsFullLayers) {
  const Json by_type = {{"full_attention", {{"rope_type", "linear"}, {"factor", 4}, {"rope_theta", 2e6}}},
                        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 2e4}}}};
  const ModelConfig laid_over =
      read(gemma3({{"rope_parameters", by_type}, {"rope_scaling", {{"rope_type", "default"}, {"factor", 0}}}}));
  EXPECT_EQ(laid_over.rope.theta, 2e6);
  EXPECT_EQ(laid_over.rope.scaling, Scaling::kNone);
  EXPECT_EQ(laid_over.local_rope.theta, 2e4);
  EXPECT_EQ(read(gemma3({{"rope_theta", 3e6}})).rope.theta, 3e6);
  EXPECT_TRUE(says(refusal(gemma3({{"rope_scaling", {{"type", "linear"}, {"factor", 8}}}})), "write \"rope_type\""));
  EXPECT_TRUE(says(refusal(gemma3({{"rope_parameters", {{"rope_theta", 5e5}}}})), "\"rope_theta\" is 500000"));
}

// ---- GGUF ----

GgufBytes gguf(const std::vector<std::string>& more) {
  GgufBytes file;
  const auto size = [](const char* key, uint32_t value) { return gguf_entry(concat("llama.", key), 4, raw(value)); };
  file.entries = {gguf_entry("general.architecture", 8, text("llama")),
                  size("vocab_size", 400),
                  size("embedding_length", 64),
                  size("block_count", 2),
                  size("attention.head_count", 4),
                  size("feed_forward_length", 128),
                  size("context_length", 256)};
  for (const std::string& entry : more) file.entries.push_back(entry);
  return file;
}

std::string gguf_refusal(const std::vector<std::string>& more) {
  const std::string bytes = gguf(more).bytes();
  try {
    config_from_gguf(*GgufFile::parse(std::as_bytes(std::span(bytes)), "a.gguf"));
  } catch (const Error& error) {
    return error.what();
  }
  return "was read";
}

TEST(Settings, OfAGgufFileFollowTheSameRule) {
  const std::string clamp = gguf_entry("llama.attention.clamp_kqv", 6, raw(8.0f));
  EXPECT_TRUE(says(gguf_refusal({clamp}), "a.gguf: \"llama.attention.clamp_kqv\" is 8.0"));
  EXPECT_TRUE(says(gguf_refusal({gguf_entry("llama.attention.causal", 7, raw(uint8_t(0)))}), "not causal"));
  EXPECT_EQ(gguf_refusal({gguf_entry("llama.expert_count", 4, raw(uint32_t(0))),
                          gguf_entry("llama.tensor_data_layout", 8, text("Meta AI original pth")),
                          gguf_entry("llama.rope.dimension_count", 4, raw(uint32_t(16))),
                          gguf_entry("general.quantization_version", 4, raw(uint32_t(2)))}),
            "was read");
  const Listener listener({"llama.attention.clamp_kqv"});
  EXPECT_EQ(gguf_refusal({clamp}), "was read");
}

TEST(Settings, AGgufFileWithAFactorAndNoTypeScalesLinearly) {
  const std::string bytes = gguf({gguf_entry("llama.rope.scaling.factor", 6, raw(4.0f))}).bytes();
  const ModelConfig config = config_from_gguf(*GgufFile::parse(std::as_bytes(std::span(bytes)), "a.gguf"));
  EXPECT_EQ(config.rope.scaling, Scaling::kLinear);
  EXPECT_EQ(config.rope.factor, 4);
}

// ---- an output matrix beside a tied embedding ----

ModelConfig untied(const std::vector<float>& output, std::vector<std::string>& heard) {
  TempDir dir;
  const std::vector<float> embedding = {1, 2, 3, 4};
  write_safetensors(dir.path() / "model.safetensors", {view("model.embed_tokens.weight", DType::F32, {2, 2}, embedding),
                                                       view("lm_head.weight", DType::F32, {2, 2}, output)});
  Listener listener;
  ModelConfig config = read(llama({{"tie_word_embeddings", true}}));
  untie_separate_output(config, *Checkpoint::open(dir.path()));
  heard = listener.heard;
  return config;
}

TEST(TiedOutput, AMatrixThatDiffersFromTheEmbeddingCountsAndACopyDoesNot) {
  std::vector<std::string> heard;
  const ModelConfig apart = untied({4, 3, 2, 1}, heard);
  EXPECT_FALSE(apart.tie_word_embeddings);
  EXPECT_EQ(apart.raw["tie_word_embeddings"], false);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_TRUE(says(heard[0], "\"lm_head.weight\" that differs from the embedding"));
  EXPECT_TRUE(untied({1, 2, 3, 4}, heard).tie_word_embeddings);
  EXPECT_TRUE(heard.empty());
}

Json encoder(const char* model_type, const Json& changes = Json::object()) {
  Json config = llama({{"model_type", model_type}});
  config.update(changes);
  return config;
}

TEST(Settings, OfDebertaThatChangeItsAttentionAreReadOrRefusedByName) {
  const Json v3 = {{"relative_attention", true}, {"position_buckets", 256},       {"norm_rel_ebd", "layer_norm"},
                   {"share_att_key", true},      {"pos_att_type", "P2C | c2p"},   {"max_relative_positions", -1},
                   {"type_vocab_size", 0},       {"position_biased_input", false}};
  const ModelConfig read_v3 = read(encoder("deberta-v2", v3));
  const DisentangledAttention& d = read_v3.disentangled;
  EXPECT_TRUE(d.relative && d.content_to_position && d.position_to_content && d.shared_layers && d.normed);
  EXPECT_EQ(d.reach, 256);
  EXPECT_EQ(d.farthest, 512);
  EXPECT_FALSE(read_v3.learned_positions);
  EXPECT_DOUBLE_EQ(read_v3.attention_scale, 1 / std::sqrt(3 * 16.0));
  EXPECT_EQ(read(encoder("deberta-v2", {{"pos_att_type", {"c2p"}}})).attention_scale, 1 / std::sqrt(2 * 16.0));

  const auto refused = [](const Json& changes) { return refusal(encoder("deberta-v2", changes)); };
  EXPECT_TRUE(says(refused({{"pos_att_type", "p2p"}}), "\"pos_att_type\" asks for \"p2p\""));
  EXPECT_TRUE(says(refused({{"pos_att_type", {1}}}), "\"pos_att_type\" holds a number"));
  EXPECT_TRUE(says(refused({{"norm_rel_ebd", "batch_norm"}}), "\"norm_rel_ebd\" is \"batch_norm\""));
  EXPECT_TRUE(says(refused({{"position_buckets", 2}}), "\"position_buckets\" is 2"));
  EXPECT_TRUE(says(refused({{"position_buckets", 64}, {"max_relative_positions", 20}}), "for distances up to 20"));
  EXPECT_TRUE(says(refused({{"conv_kernel_size", 4}}), "a convolution over 4 tokens"));
  EXPECT_TRUE(says(refused({{"conv_kernel_size", 3}, {"conv_groups", 2}}), "in 2 groups"));
  EXPECT_TRUE(says(refused({{"attention_head_size", 24}}), "\"attention_head_size\" is 24, expected 16"));
  EXPECT_TRUE(says(refused({{"embedding_size", 0}}), "\"embedding_size\" is 0"));
  EXPECT_TRUE(says(refused({{"z_steps", 2}}), "\"z_steps\" is 2"));
}

TEST(Settings, OfModernBertThatChangeItsAttentionAreReadOrRefusedByName) {
  const ModelConfig usual = read(encoder("modernbert"));
  EXPECT_EQ(usual.layer_types, (std::vector{LayerType::kFull, LayerType::kSliding, LayerType::kSliding}));
  EXPECT_EQ(usual.sliding_window, 65);
  EXPECT_EQ(usual.rope.theta, 160000.0);
  EXPECT_EQ(usual.local_rope.theta, 10000.0);
  const ModelConfig other = read(encoder("modernbert", {{"global_attn_every_n_layers", 2},
                                                        {"global_rope_theta", 500.0},
                                                        {"local_rope_theta", 50.0},
                                                        {"local_attention", 10},
                                                        {"classifier_pooling", "mean"}}));
  EXPECT_EQ(other.layer_types, (std::vector{LayerType::kFull, LayerType::kSliding, LayerType::kFull}));
  EXPECT_EQ(other.sliding_window, 6);
  EXPECT_EQ(other.rope.theta, 500.0);
  EXPECT_EQ(other.local_rope.theta, 50.0);
  EXPECT_TRUE(other.mean_pooling);

  const auto refused = [](const Json& changes) { return refusal(encoder("modernbert", changes)); };
  EXPECT_TRUE(says(refused({{"rope_theta", 500.0}}), "\"rope_theta\" is not supported for ModernBERT"));
  EXPECT_TRUE(says(refused({{"classifier_pooling", "max"}}), "\"classifier_pooling\" is \"max\""));
  EXPECT_TRUE(says(refused({{"local_attention", 1}}), "\"local_attention\" is 1"));
  EXPECT_TRUE(says(refused({{"num_key_value_heads", 2}}), "4 heads share 2 key-value heads"));
}

TEST(Settings, OfElectraSayHowWideItsEmbeddingsAre) {
  EXPECT_EQ(read(encoder("electra")).embedding_width, 128);
  EXPECT_EQ(read(encoder("electra", {{"embedding_size", 20}})).embedding_width, 20);
  EXPECT_EQ(read(encoder("electra")).head_activation, "gelu");
}

}  // namespace
}  // namespace limpid
