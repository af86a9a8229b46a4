#include "limpid/checkpoints/family_parts.h"

/// Qwen3 (Yang et al. 2025, arXiv:2505.09388): norms of each head's queries and keys instead of biases.
namespace limpid {
namespace {

void read_qwen3(const ConfigKeys& keys, ModelConfig& c) {
  c.mlp_bias = false;
  read_upper_windows(keys, c);
}

Json write_qwen3(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json["model_type"] = "qwen3";
  json["architectures"] = {"Qwen3ForCausalLM"};
  json["hidden_act"] = c.activation;
  add_upper_windows(c, json);
  return json;
}

}  // namespace

Family qwen2_family();

Family qwen3_family() {
  Family family = qwen2_family();
  family.name = "qwen3";
  family.covers = "Qwen3, dense";
  family.model_types = {"qwen3"};
  family.gguf_architectures = {"qwen3"};
  family.defaults.head_dim = 128;
  family.read_config = read_qwen3;
  family.write_config = write_qwen3;
  family.block_tensors.push_back({"self_attn.q_norm", "attn_q_norm"});
  family.block_tensors.push_back({"self_attn.k_norm", "attn_k_norm"});
  family.output_bias = OutputBias::ByConfig;
  return family;
}

}  // namespace limpid
