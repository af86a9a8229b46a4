#include "limpid/checkpoints/family_parts.h"

/// Mixtral 8x7B and 8x22B (Jiang et al. 2024, arXiv:2401.04088): Mistral's blocks with several experts in the place of
/// the feed-forward. GGUF files call them llama.
namespace limpid {
namespace {

Json write_mixtral(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json.erase("attention_bias");
  json["model_type"] = "mixtral";
  json["architectures"] = {"MixtralForCausalLM"};
  json["hidden_act"] = c.activation;
  json["intermediate_size"] = c.expert_size;
  json["num_local_experts"] = c.num_experts;
  json["num_experts_per_tok"] = c.experts_per_token;
  json["sliding_window"] = c.sliding_window > 0 ? Json(c.sliding_window) : Json();
  return json;
}

}  // namespace

Family llama_family();

Family mixtral_family() {
  using enum Projection;
  Family family = llama_family();
  family.name = "mixtral";
  family.covers = "Mixtral 8x7B and 8x22B";
  family.model_types = {"mixtral"};
  family.defaults = {.max_positions = 131072,
                     .num_kv_heads = 8,
                     .norm_eps = 1e-5,
                     .activation = "silu",
                     .rope_theta = 1e6,
                     .slides = true,
                     .num_experts = 8,
                     .experts_per_token = 2};
  family.write_config = write_mixtral;
  family.projections = attention_projections(neighbour_pair_row);
  family.output_bias = OutputBias::Never;
  family.experts = {
      .router = {"block_sparse_moe.gate", "ffn_gate_inp"},
      .list = "block_sparse_moe.experts.",
      .projections = {
          {MlpGate, "w1", {"ffn_gate_exps"}}, {MlpUp, "w3", {"ffn_up_exps"}}, {MlpDown, "w2", {"ffn_down_exps"}}}};
  return family;
}

}  // namespace limpid
