#include <cmath>

#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/quote.h"

/// MPT (MosaicML 2023): ALiBi, norms without biases, queries, keys and values in one matrix.
namespace limpid {
namespace {

void read_attention(const ConfigKeys& keys, ModelConfig& c) {
  const auto refuse = [&](const char* key, bool is_set) {
    LIMPID_CHECK(!is_set, FormatError, keys.place(), ": \"attn_config\": \"", key, "\" is set, which is not supported");
  };
  LIMPID_CHECK(keys.boolean_or({{"alibi"}}, true), FormatError, keys.place(),
               ": \"attn_config\": \"alibi\" is false, which is not supported");
  refuse("qk_ln", keys.boolean_or({{"qk_ln"}}, false));
  refuse("prefix_lm", keys.boolean_or({{"prefix_lm"}}, false));
  c.alibi_bias_max = keys.number_or({{"alibi_bias_max"}}, 8);
  c.qkv_clip = keys.number_or({{"clip_qkv"}}, 0);
  c.attention_scale = keys.number_or({{"softmax_scale"}}, c.attention_scale);
  const std::string kind = keys.text_or({{"attn_type"}}, "multihead_attention");
  keys.pass_over({"attn_impl", "attn_uses_sequence_id", "alibi"});
  keys.refuse_unread();
  LIMPID_CHECK(kind == "multihead_attention", FormatError, keys.place(), ": \"attn_config\": \"attn_type\" is ",
               quote(kind), ", expected \"multihead_attention\"");
}

void read_mpt(const ConfigKeys& keys, ModelConfig& c) {
  if (keys.gguf()) {
    c.attention_bias = c.mlp_bias;
    c.alibi_bias_max = keys.number_or({{}, "attention.max_alibi_bias"}, 8);
    c.qkv_clip = keys.number_or({{}, "attention.clamp_kqv"}, 0);
    return;
  }
  c.num_kv_heads = c.num_heads;
  c.head_dim = c.hidden_size / c.num_heads;
  c.attention_scale = 1 / std::sqrt(double(c.head_dim));
  c.intermediate_size = std::llround(keys.number_or({{"expansion_ratio"}}, 4) * double(c.hidden_size));
  c.attention_bias = c.mlp_bias = !keys.boolean_or({{"no_bias"}}, true);
  c.alibi_bias_max = 8;
  if (keys.has({{"attn_config"}})) read_attention(keys.inside("attn_config"), c);
  const std::string norm = keys.text_or({{"norm_type"}}, "layernorm");
  LIMPID_CHECK(norm.ends_with("layernorm"), FormatError, keys.place(), ": \"norm_type\" is ", quote(norm),
               ", expected \"layernorm\"");
  keys.pass_over({"init_device", "init_config", "learned_pos_emb", "verbose", "fc_type"});
  LIMPID_CHECK(keys.number_or({{"embedding_fraction"}}, 1) == 1, FormatError, keys.place(),
               ": \"embedding_fraction\" is not 1, which is not supported");
}

Json write_mpt(const ModelConfig& c) {
  return {{"model_type", "mpt"},
          {"architectures", {"MptForCausalLM"}},
          {"d_model", c.hidden_size},
          {"n_layers", c.num_layers},
          {"n_heads", c.num_heads},
          {"expansion_ratio", number_json(double(c.intermediate_size) / double(c.hidden_size))},
          {"max_seq_len", c.max_positions},
          {"layer_norm_epsilon", c.norm_eps},
          {"no_bias", !c.mlp_bias},
          {"attn_config",
           {{"alibi", true},
            {"alibi_bias_max", number_json(c.alibi_bias_max)},
            {"clip_qkv", c.qkv_clip > 0 ? Json(c.qkv_clip) : Json()}}}};
}

std::map<std::string, GgufValue> mpt_metadata(const ModelConfig& c) {
  return {{"attention.max_alibi_bias", {c.alibi_bias_max}},
          {"attention.clamp_kqv", {c.qkv_clip}},
          {"attention.layer_norm_epsilon", {c.norm_eps}}};  // without biases, the norms look like RMS norms
}

}  // namespace

Family mpt_family() {
  using enum Projection;
  return {
      .name = "mpt",
      .covers = "MPT 7B and 30B",
      .model_types = {"mpt"},
      .gguf_architectures = {"mpt"},
      .defaults = {.vocab_size = 50368,
                   .num_heads = 16,
                   .max_positions = 2048,
                   .inner_multiple = 4,
                   .norm_eps = 1e-5,
                   .activation = "gelu",
                   .tied = true},
      .read_config = read_mpt,
      .write_config = write_mpt,
      .write_metadata = mpt_metadata,
      .prefix = "transformer.",
      .layers = "blocks.",
      .embedding = {"wte", "token_embd"},
      .tensors = {{"norm_f", "output_norm"}},
      .projections = {{QueryKeyValue, "attn.Wqkv", {"attn_qkv"}},
                      {AttentionOutput, "attn.out_proj", {"attn_output"}},
                      {MlpGate, "ffn.up_proj", {"ffn_up"}},
                      {MlpDown, "ffn.down_proj", {"ffn_down"}}},
      .block_tensors = {{"norm_1", "attn_norm"}, {"norm_2", "ffn_norm"}},
      .output_bias = OutputBias::WithAll,
  };
}

}  // namespace limpid
