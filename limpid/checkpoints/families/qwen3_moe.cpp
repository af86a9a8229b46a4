#include "limpid/checkpoints/family_parts.h"

/// Qwen3-30B-A3B and its like (Yang et al. 2025, arXiv:2505.09388): Qwen3's blocks, most of them with many small
/// experts in the place of the feed-forward.
namespace limpid {
namespace {

/// Reads which layers have experts: every "decoder_sparse_step"-th, but for those of "mlp_only_layers".
void read_layers_with_experts(const ConfigKeys& keys, ModelConfig& c) {
  const int64_t step = keys.integer_or({{"decoder_sparse_step"}}, 1);
  LIMPID_CHECK(step > 0, FormatError, keys.place(), ": \"decoder_sparse_step\" is ", step,
               ", expected a positive integer");
  for (int64_t layer = 0; layer < c.num_layers; ++layer) c.with_experts[size_t(layer)] = (layer + 1) % step == 0;
  if (!keys.has({{"mlp_only_layers"}})) return;
  const Json& list = (*keys.json())["mlp_only_layers"];
  LIMPID_CHECK(list.is_array(), FormatError, keys.place(), ": \"mlp_only_layers\" is ", json_kind(list),
               ", expected a list of layers");
  for (const Json& layer : list) {
    LIMPID_CHECK(layer.is_number_integer(), FormatError, keys.place(), ": \"mlp_only_layers\" holds ", json_kind(layer),
                 ", expected numbers of layers");
    const auto index = layer.get<int64_t>();
    if (index >= 0 && index < c.num_layers) c.with_experts[size_t(index)] = false;
  }
}

void read_qwen3_moe(const ConfigKeys& keys, ModelConfig& c) {
  c.mlp_bias = false;
  read_window_switch(keys, c);
  c.whole_shares = keys.boolean_or({{"norm_topk_prob"}, "expert_weights_norm"}, keys.gguf() != nullptr);
  if (const GgufFile* file = keys.gguf()) {
    for (int64_t layer = 0; layer < c.num_layers; ++layer)
      c.with_experts[size_t(layer)] = file->find(concat("blk.", layer, ".ffn_gate_inp.weight")) != nullptr;
  } else {
    read_layers_with_experts(keys, c);
  }
}

Json write_qwen3_moe(const ModelConfig& c) {
  Json json = decoder_config_json(c), dense = Json::array();
  for (int64_t layer = 0; layer < c.num_layers; ++layer)
    if (!c.has_experts(layer)) dense.push_back(layer);
  json["model_type"] = "qwen3_moe";
  json["architectures"] = {"Qwen3MoeForCausalLM"};
  json["hidden_act"] = c.activation;
  json["num_experts"] = c.num_experts;
  json["num_experts_per_tok"] = c.experts_per_token;
  json["moe_intermediate_size"] = c.expert_size;
  json["norm_topk_prob"] = c.whole_shares;
  json["mlp_only_layers"] = dense;
  return json;
}

}  // namespace

Family qwen3_family();

Family qwen3_moe_family() {
  using enum Projection;
  Family family = qwen3_family();
  family.name = "qwen3_moe";
  family.covers = "Qwen3-30B-A3B, Qwen3-235B-A22B, Qwen3-Coder";
  family.model_types = {"qwen3_moe"};
  family.gguf_architectures = {"qwen3moe"};
  family.defaults.num_kv_heads = 4;
  family.defaults.head_dim = 0;
  family.defaults.num_experts = 128;
  family.defaults.experts_per_token = 8;
  family.defaults.expert_size = 768;
  family.read_config = read_qwen3_moe;
  family.write_config = write_qwen3_moe;
  family.experts = {.router = {"mlp.gate", "ffn_gate_inp"},
                    .list = "mlp.experts.",
                    .projections = {{MlpGate, "gate_proj", {"ffn_gate_exps"}},
                                    {MlpUp, "up_proj", {"ffn_up_exps"}},
                                    {MlpDown, "down_proj", {"ffn_down_exps"}}}};
  return family;
}

}  // namespace limpid
