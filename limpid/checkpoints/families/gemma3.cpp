#include <cmath>

#include "limpid/checkpoints/family_parts.h"

/// The text models of Gemma 3, alone or inside a multimodal config.
namespace limpid {
namespace {

void read_gemma3(const ConfigKeys& keys, ModelConfig& c) {
  c.mlp_bias = false;
  c.embedding_scale = std::sqrt(double(c.hidden_size));
  c.query_pre_attn_scalar =
      keys.gguf() ? gemma_score_scalar(c, /*layers_of_27b=*/62) : keys.number_or({{"query_pre_attn_scalar"}}, 256);
  c.attention_scale = 1 / std::sqrt(c.query_pre_attn_scalar);
}

Json write_gemma3(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json["model_type"] = "gemma3_text";
  json["architectures"] = {"Gemma3ForCausalLM"};
  json["hidden_activation"] = c.activation;
  json["rope_local_base_freq"] = c.local_rope.theta;
  json["sliding_window"] = c.sliding_window;
  json["query_pre_attn_scalar"] = number_json(c.query_pre_attn_scalar);
  json["layer_types"] = layer_types_json(c);
  return json;
}

}  // namespace

Family gemma3_family() {
  return {
      .name = "gemma3",
      .covers = "Gemma 3, text",
      .model_types = {"gemma3", "gemma3_text"},
      .gguf_architectures = {"gemma3"},
      .defaults = {.vocab_size = 262208,
                   .num_heads = 8,
                   .max_positions = 131072,
                   .num_kv_heads = 4,
                   .head_dim = 256,
                   .norm_eps = 1e-6,
                   .activation = "gelu_pytorch_tanh",
                   .tied = true,
                   .rope_theta = 1e6,
                   .local_rope_theta = 1e4,
                   .slides = true,
                   .sliding_window = 4096,
                   .sliding_pattern = 6},
      .rotary = true,
      .read_config = read_gemma3,
      .write_config = write_gemma3,
      .layers = "model.layers.",
      .embedding = {"model.embed_tokens", "token_embd"},
      .tensors = {{"model.norm", "output_norm"}},
      .projections = usual_projections(),
      .block_tensors = {{"input_layernorm", "attn_norm"},
                        {"self_attn.q_norm", "attn_q_norm"},
                        {"self_attn.k_norm", "attn_k_norm"},
                        {"post_attention_layernorm", "post_attention_norm"},
                        {"pre_feedforward_layernorm", "ffn_norm"},
                        {"post_feedforward_layernorm", "post_ffw_norm"}},
      .norm_offset = 1,
      .output_bias = OutputBias::ByConfig,
  };
}

}  // namespace limpid
