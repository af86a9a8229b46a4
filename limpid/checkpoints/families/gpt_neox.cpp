#include "limpid/checkpoints/family_parts.h"

/// GPT-NeoX (Black et al. 2022, arXiv:2204.06745) and Pythia: part of each head rotates, attention and feed-forward
/// side by side.
namespace limpid {
namespace {

void read_gpt_neox(const ConfigKeys& keys, ModelConfig& c) {
  c.num_kv_heads = c.num_heads;
  c.mlp_bias = true;
  c.parallel_halves = keys.boolean_or({{"use_parallel_residual"}, "use_parallel_residual"}, true);
}

std::map<std::string, GgufValue> neox_metadata(const ModelConfig& c) {
  return {{"use_parallel_residual", {c.parallel_halves}}};
}

Json write_gpt_neox(const ModelConfig& c) {
  return {{"model_type", "gpt_neox"},
          {"architectures", {"GPTNeoXForCausalLM"}},
          {"hidden_size", c.hidden_size},
          {"num_hidden_layers", c.num_layers},
          {"num_attention_heads", c.num_heads},
          {"intermediate_size", c.intermediate_size},
          {"max_position_embeddings", c.max_positions},
          {"layer_norm_eps", c.norm_eps},
          {"hidden_act", c.activation},
          {"rotary_pct", c.rotary_fraction},
          {"rotary_emb_base", c.rope.theta},
          {"attention_bias", c.attention_bias},
          {"use_parallel_residual", c.parallel_halves}};
}

}  // namespace

Family gpt_neox_family() {
  using enum Projection;
  return {
      .name = "gpt_neox",
      .covers = "GPT-NeoX 20B, Pythia, Dolly 2, RedPajama-INCITE",
      .model_types = {"gpt_neox"},
      .gguf_architectures = {"gptneox"},
      .defaults = {.vocab_size = 50432,
                   .num_heads = 64,
                   .max_positions = 2048,
                   .norm_eps = 1e-5,
                   .activation = "gelu",
                   .biased = true,
                   .rotary_fraction = 0.25},
      .rotary = true,
      .read_config = read_gpt_neox,
      .write_config = write_gpt_neox,
      .write_metadata = neox_metadata,
      .prefix = "gpt_neox.",
      .layers = "layers.",
      .embedding = {"embed_in", "token_embd"},
      .output = {"embed_out", "output"},
      .tensors = {{"final_layer_norm", "output_norm"}},
      .projections = {{QueryKeyValue, "attention.query_key_value", {"attn_qkv"}, {.row = grouped_row}},
                      {AttentionOutput, "attention.dense", {"attn_output"}},
                      {MlpGate, "mlp.dense_h_to_4h", {"ffn_up"}},
                      {MlpDown, "mlp.dense_4h_to_h", {"ffn_down"}}},
      .block_tensors = {{"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"}},
      .output_bias = OutputBias::ByConfig,
  };
}

}  // namespace limpid
