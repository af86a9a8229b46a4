#include "limpid/checkpoints/family_parts.h"

/// StableLM 2 (Bellagente et al. 2024, arXiv:2402.17834): LayerNorm, a quarter of each head rotates, SwiGLU.
namespace limpid {
namespace {

void read_stablelm(const ConfigKeys& keys, ModelConfig& c) {
  c.mlp_bias = false;
  keys.pass_over({"use_parallel_residual"});
  if (const GgufFile* file = keys.gguf()) {
    c.parallel_halves = !file->find("blk.0.ffn_norm.weight");
    LIMPID_CHECK(!file->find("blk.0.attn_q_norm.weight"), FormatError, keys.place(),
                 ": norms of queries and keys are not supported for stablelm");
  } else {
    c.attention_bias = keys.boolean_or({{"use_qkv_bias"}}, false);
    c.parallel_halves = keys.boolean_or({{"use_parallel_residual"}}, false);
    LIMPID_CHECK(!keys.boolean_or({{"qk_layernorm"}}, false), FormatError, keys.place(),
                 ": \"qk_layernorm\" is true, which is not supported");
  }
  c.separate_norms = !c.parallel_halves;
}

bool has_second_norm(const ModelConfig& c) { return c.separate_norms; }

Json write_stablelm(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json.erase("attention_bias");
  json.erase("rms_norm_eps");
  json["model_type"] = "stablelm";
  json["architectures"] = {"StableLmForCausalLM"};
  json["hidden_act"] = c.activation;
  json["layer_norm_eps"] = c.norm_eps;
  json["use_qkv_bias"] = c.attention_bias;
  json["use_parallel_residual"] = c.parallel_halves;
  json["partial_rotary_factor"] = c.rotary_fraction;
  return json;
}

}  // namespace

Family stablelm_family() {
  return {
      .name = "stablelm",
      .covers = "StableLM 2 1.6B, StableLM 3B and Zephyr 3B",
      .model_types = {"stablelm"},
      .gguf_architectures = {"stablelm"},
      .defaults =
          {.max_positions = 4096, .num_kv_heads = 32, .norm_eps = 1e-5, .activation = "silu", .rotary_fraction = 0.25},
      .rotary = true,
      .read_config = read_stablelm,
      .write_config = write_stablelm,
      .layers = "model.layers.",
      .embedding = {"model.embed_tokens", "token_embd"},
      .tensors = {{"model.norm", "output_norm"}},
      .projections = usual_projections(),
      .block_tensors = {{"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm", has_second_norm}},
  };
}

}  // namespace limpid
