#include "limpid/checkpoints/family_parts.h"

/// OLMo 2 (OLMo Team 2025, arXiv:2501.00656): norms behind the halves of a block and of all queries and keys at once.
namespace limpid {
namespace {

void read_olmo2(const ConfigKeys&, ModelConfig& c) { c.mlp_bias = false; }

Json write_olmo2(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json["model_type"] = "olmo2";
  json["architectures"] = {"Olmo2ForCausalLM"};
  json["hidden_act"] = c.activation;
  return json;
}

}  // namespace

Family olmo2_family() {
  return {
      .name = "olmo2",
      .covers = "OLMo 2",
      .model_types = {"olmo2"},
      .gguf_architectures = {"olmo2"},
      .defaults = {.max_positions = 2048, .norm_eps = 1e-5, .activation = "silu"},
      .rotary = true,
      .read_config = read_olmo2,
      .write_config = write_olmo2,
      .layers = "model.layers.",
      .embedding = {"model.embed_tokens", "token_embd"},
      .tensors = {{"model.norm", "output_norm"}},
      .projections = usual_projections(),
      .block_tensors = {{"self_attn.q_norm", "attn_q_norm"},
                        {"self_attn.k_norm", "attn_k_norm"},
                        {"post_attention_layernorm", "post_attention_norm"},
                        {"post_feedforward_layernorm", "post_ffw_norm"}},
      .output_bias = OutputBias::ByConfig,
  };
}

}  // namespace limpid
