#include "limpid/checkpoints/family_parts.h"

/// Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv:2407.10671): Llama's blocks with biases on queries, keys and values.
namespace limpid {
namespace {

void read_qwen2(const ConfigKeys& keys, ModelConfig& c) {
  c.attention_bias = true;
  c.mlp_bias = false;
  read_upper_windows(keys, c);
}

Json write_qwen2(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json.erase("attention_bias");
  json["model_type"] = "qwen2";
  json["architectures"] = {"Qwen2ForCausalLM"};
  json["hidden_act"] = c.activation;
  add_upper_windows(c, json);
  return json;
}

}  // namespace

Family qwen2_family() {
  return {
      .name = "qwen2",
      .covers = "Qwen2, Qwen2.5, DeepSeek-R1-Distill-Qwen",
      .model_types = {"qwen2"},
      .gguf_architectures = {"qwen2"},
      .defaults = {.max_positions = 32768,
                   .num_kv_heads = 32,
                   .norm_eps = 1e-6,
                   .activation = "silu",
                   .slides = true,
                   .sliding_window = 4096},
      .rotary = true,
      .read_config = read_qwen2,
      .write_config = write_qwen2,
      .layers = "model.layers.",
      .embedding = {"model.embed_tokens", "token_embd"},
      .tensors = {{"model.norm", "output_norm"}},
      .projections = usual_projections(),
      .block_tensors = {{"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"}},
  };
}

}  // namespace limpid
