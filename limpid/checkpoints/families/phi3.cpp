#include "limpid/checkpoints/family_parts.h"

/// Phi-3 (Abdin et al. 2024, arXiv:2404.14219) and Phi-4: Llama's blocks with queries, keys and values in one matrix
/// and gate and up in another.
namespace limpid {
namespace {

void read_phi3(const ConfigKeys& keys, ModelConfig& c) {
  c.attention_bias = c.mlp_bias = false;
  keys.pass_over({"original_max_position_embeddings"});  // stands in files without LongRoPE, too
}

Json write_phi3(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json.erase("attention_bias");
  json["model_type"] = "phi3";
  json["architectures"] = {"Phi3ForCausalLM"};
  json["hidden_act"] = c.activation;
  json["partial_rotary_factor"] = c.rotary_fraction;
  json["sliding_window"] = c.sliding_window > 0 ? Json(c.sliding_window) : Json();
  return json;
}

}  // namespace

Family phi3_family() {
  using enum Projection;
  return {
      .name = "phi3",
      .covers = "Phi-3, Phi-3.5 and Phi-4, text",
      .model_types = {"phi3"},
      .gguf_architectures = {"phi3"},
      .defaults = {.max_positions = 4096, .norm_eps = 1e-5, .activation = "silu", .slides = true},
      .rotary = true,
      .read_config = read_phi3,
      .write_config = write_phi3,
      .layers = "model.layers.",
      .embedding = {"model.embed_tokens", "token_embd"},
      .tensors = {{"model.norm", "output_norm"}},
      .projections = {{QueryKeyValue, "self_attn.qkv_proj", {"attn_qkv"}},
                      {AttentionOutput, "self_attn.o_proj", {"attn_output"}},
                      {MlpGate, "mlp.gate_proj", {"ffn_up"}, {"mlp.gate_up_proj"}},
                      {MlpUp, "mlp.up_proj", {"ffn_up"}, {"mlp.gate_up_proj"}},
                      {MlpDown, "mlp.down_proj", {"ffn_down"}}},
      .block_tensors = {{"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"}},
  };
}

}  // namespace limpid
