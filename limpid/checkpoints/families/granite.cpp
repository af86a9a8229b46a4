#include "limpid/checkpoints/family_parts.h"

/// Granite 3 (IBM): Llama's blocks with multipliers of the embedding, the scores, the residual sums and the logits.
namespace limpid {
namespace {

void read_granite(const ConfigKeys& keys, ModelConfig& c) {
  c.embedding_scale = keys.number_or({{"embedding_multiplier"}, "embedding_scale"}, 1);
  c.residual_scale = keys.number_or({{"residual_multiplier"}, "residual_scale"}, 1);
  c.attention_scale = keys.number_or({{"attention_multiplier"}, "attention.scale"}, 1);
  const double divisor = keys.number_or({{"logits_scaling"}, "logit_scale"}, 1);
  LIMPID_CHECK(divisor != 0, FormatError, keys.place(), ": \"logits_scaling\" is 0");
  c.logit_scale = 1 / divisor;
}

Json write_granite(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json["model_type"] = "granite";
  json["architectures"] = {"GraniteForCausalLM"};
  json["hidden_act"] = c.activation;
  json["mlp_bias"] = c.mlp_bias;
  json["embedding_multiplier"] = c.embedding_scale;
  json["residual_multiplier"] = c.residual_scale;
  json["attention_multiplier"] = c.attention_scale;
  json["logits_scaling"] = 1 / c.logit_scale;
  return json;
}

std::map<std::string, GgufValue> granite_metadata(const ModelConfig& c) {
  return {{"embedding_scale", {c.embedding_scale}},
          {"residual_scale", {c.residual_scale}},
          {"attention.scale", {c.attention_scale}},
          {"logit_scale", {1 / c.logit_scale}}};
}

}  // namespace

Family llama_family();

Family granite_family() {
  Family family = llama_family();
  family.name = "granite";
  family.covers = "Granite 3, dense";
  family.model_types = {"granite"};
  family.gguf_architectures = {"granite"};
  family.read_config = read_granite;
  family.write_config = write_granite;
  family.write_metadata = granite_metadata;
  return family;
}

}  // namespace limpid
