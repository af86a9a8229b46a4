#include "limpid/checkpoints/family_parts.h"

/// OPT (Zhang et al. 2022, arXiv:2205.01068): learned positions from the third row of their table on; the 350M has
/// narrow embeddings and norms behind the sums.
namespace limpid {
namespace {

constexpr int64_t kFirstPosition = 2;

void read_opt(const ConfigKeys& keys, ModelConfig& c) {
  c.num_kv_heads = c.num_heads;
  c.head_dim = c.hidden_size / c.num_heads;
  c.position_offset = kFirstPosition;
  c.embedding_width = keys.integer_or({{"word_embed_proj_dim"}}, c.hidden_size);
  LIMPID_CHECK(c.embedding_width > 0, FormatError, keys.place(), ": \"word_embed_proj_dim\" is ", c.embedding_width,
               ", expected a positive integer");
  c.norm_first = keys.boolean_or({{"do_layer_norm_before"}}, true);
  c.attention_bias = c.mlp_bias = keys.boolean_or({{"enable_bias"}}, true);
  for (const auto& [key, usual] :
       {std::pair{"layer_norm_elementwise_affine", true}, std::pair{"_remove_final_layer_norm", false}})
    LIMPID_CHECK(keys.boolean_or({{key}}, usual) == usual, FormatError, keys.place(), ": \"", key, "\" is ",
                 usual ? "false" : "true", ", which is not supported");
}

bool has_final_norm(const ModelConfig& c) { return c.norm_first; }

}  // namespace

Family opt_family() {
  using enum Projection;
  return {
      .name = "opt",
      .covers = "OPT 125M to 66B",
      .model_types = {"opt"},
      .gguf_architectures = {},
      .defaults = {.max_positions = 2048, .norm_eps = 1e-5, .activation = "relu", .tied = true, .biased = true},
      .read_config = read_opt,
      .prefix = "model.",
      .layers = "decoder.layers.",
      .embedding = {"decoder.embed_tokens"},
      .tensors = {{"decoder.embed_positions"}, {"decoder.final_layer_norm", nullptr, has_final_norm}},
      .projections = {{Query, "self_attn.q_proj", {}},
                      {Key, "self_attn.k_proj", {}},
                      {Value, "self_attn.v_proj", {}},
                      {AttentionOutput, "self_attn.out_proj", {}},
                      {MlpGate, "fc1", {}},
                      {MlpDown, "fc2", {}}},
      .block_tensors = {{"self_attn_layer_norm"}, {"final_layer_norm"}},
      .output_bias = OutputBias::WithAll,
  };
}

}  // namespace limpid
