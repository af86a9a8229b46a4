#include "limpid/checkpoints/family_parts.h"

/// Falcon (Almazrouei et al. 2023, arXiv:2311.16867): the 7B (one key head, parallel halves), the new decoder
/// architecture of 40B, 180B and 11B (groups of heads), and RW (ALiBi, biases, one half behind the other).
namespace limpid {
namespace {

void read_falcon(const ConfigKeys& keys, ModelConfig& c) {
  if (const GgufFile* file = keys.gguf()) {
    c.parallel_halves = true;
    c.separate_norms = file->find("blk.0.attn_norm_2.weight") != nullptr;
    return;
  }
  const bool grouped = keys.boolean_or({{"new_decoder_architecture"}}, false);
  c.num_kv_heads = keys.boolean_or({{"multi_query"}}, true) ? 1 : c.num_heads;
  if (grouped) c.num_kv_heads = keys.integer_or({{"num_kv_heads", "n_head_kv"}}, c.num_heads);
  keys.pass_over({"num_kv_heads", "multi_query", "ff_factor"});  // ffn_hidden_size counts
  c.intermediate_size = keys.integer_or({{"ffn_hidden_size"}}, 4 * c.hidden_size);
  c.attention_bias = c.mlp_bias = keys.boolean_or({{"bias"}}, false);
  const bool parallel = keys.boolean_or({{"parallel_attn"}}, true);
  LIMPID_CHECK(parallel || !grouped, FormatError, keys.place(),
               ": \"parallel_attn\" is false in the new decoder architecture, which no released model has");
  c.parallel_halves = parallel;
  const int64_t norms = keys.integer_or({{"num_ln_in_parallel_attn"}}, grouped ? 2 : 1);
  LIMPID_CHECK(norms == 1 || (norms == 2 && (grouped || !parallel)), FormatError, keys.place(),
               ": \"num_ln_in_parallel_attn\" is ", norms, ", expected 1, or 2 in the new decoder architecture");
  c.separate_norms = !parallel || norms == 2;
  if (keys.boolean_or({{"alibi"}}, false)) {
    c.alibi_bias_max = 8;
    c.rotary_fraction = 0;
  }
}

bool has_two_beside(const ModelConfig& c) { return c.parallel_halves && c.separate_norms; }
bool has_second_behind(const ModelConfig& c) { return !c.parallel_halves; }

Json write_falcon(const ModelConfig& c) {
  const bool grouped = c.num_kv_heads > 1;
  return {{"model_type", "falcon"},
          {"architectures", {"FalconForCausalLM"}},
          {"hidden_size", c.hidden_size},
          {"num_hidden_layers", c.num_layers},
          {"num_attention_heads", c.num_heads},
          {"num_kv_heads", c.num_kv_heads},
          {"ffn_hidden_size", c.intermediate_size},
          {"max_position_embeddings", c.max_positions},
          {"layer_norm_epsilon", c.norm_eps},
          {"activation", c.activation},
          {"rope_theta", c.rope.theta},
          {"bias", c.mlp_bias},
          {"multi_query", true},
          {"parallel_attn", true},
          {"new_decoder_architecture", grouped},
          {"num_ln_in_parallel_attn", c.separate_norms ? 2 : 1},
          {"alibi", false}};
}

}  // namespace

Family falcon_family() {
  using enum Projection;
  return {
      .name = "falcon",
      .covers = "Falcon RW, 7B, 40B, 180B and 2-11B",
      .model_types = {"falcon"},
      .gguf_architectures = {"falcon"},
      .defaults = {.vocab_size = 65024,
                   .num_heads = 71,
                   .max_positions = 2048,
                   .inner_multiple = 4,
                   .norm_eps = 1e-5,
                   .activation = "gelu",
                   .tied = true},
      .rotary = true,
      .read_config = read_falcon,
      .write_config = write_falcon,
      .prefix = "transformer.",
      .layers = "h.",
      .embedding = {"word_embeddings", "token_embd"},
      .tensors = {{"ln_f", "output_norm"}},
      .projections = {{QueryKeyValue, "self_attention.query_key_value", {"attn_qkv"}, {.row = grouped_row}},
                      {AttentionOutput, "self_attention.dense", {"attn_output"}},
                      {MlpGate, "mlp.dense_h_to_4h", {"ffn_up"}},
                      {MlpDown, "mlp.dense_4h_to_h", {"ffn_down"}}},
      .block_tensors = {{"input_layernorm", "attn_norm", [](const ModelConfig& c) { return !has_two_beside(c); }},
                        {"ln_mlp", "attn_norm", has_two_beside},
                        {"ln_attn", "attn_norm_2", has_two_beside},
                        {"post_attention_layernorm", "ffn_norm", has_second_behind}},
      .output_bias = OutputBias::WithAll,
  };
}

}  // namespace limpid
