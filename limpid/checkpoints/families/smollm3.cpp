#include "limpid/checkpoints/family_parts.h"

/// SmolLM3: Llama's blocks, of which every fourth does not rotate (NoPE, Kazemnejad et al. 2023, arXiv:2305.19466).
namespace limpid {
namespace {

constexpr int64_t kInterval = 4;

void read_smollm3(const ConfigKeys& keys, ModelConfig& c) {
  const int64_t interval = keys.integer_or({{"no_rope_layer_interval"}}, kInterval);
  LIMPID_CHECK(interval > 0, FormatError, keys.place(), ": \"no_rope_layer_interval\" is ", interval,
               ", expected a positive integer");
  for (int64_t layer = 0; layer < c.num_layers; ++layer) c.rotating_layers.push_back((layer + 1) % interval != 0);
  read_window_switch(keys, c);
  if (!keys.has({{"no_rope_layers"}})) return;
  const Json& list = (*keys.json())["no_rope_layers"];
  LIMPID_CHECK(list.is_array() && list.size() == size_t(c.num_layers), FormatError, keys.place(),
               ": \"no_rope_layers\" is not a list of ", c.num_layers, " numbers");
  for (size_t layer = 0; layer < list.size(); ++layer) {
    LIMPID_CHECK(list[layer] == 0 || list[layer] == 1, FormatError, keys.place(), ": \"no_rope_layers\" entry ", layer,
                 " is neither 0 nor 1");
    c.rotating_layers[layer] = list[layer] == 1;  // the name says the opposite of what it holds
  }
}

Json write_smollm3(const ModelConfig& c) {
  Json json = decoder_config_json(c), rotating = Json::array();
  for (const bool rotates : c.rotating_layers) rotating.push_back(rotates ? 1 : 0);
  json["model_type"] = "smollm3";
  json["architectures"] = {"SmolLM3ForCausalLM"};
  json["hidden_act"] = c.activation;
  json["mlp_bias"] = c.mlp_bias;
  json["no_rope_layers"] = rotating;
  return json;
}

}  // namespace

Family llama_family();

Family smollm3_family() {
  Family family = llama_family();
  family.name = "smollm3";
  family.covers = "SmolLM3";
  family.model_types = {"smollm3"};
  family.gguf_architectures = {"smollm3"};
  family.defaults = {.max_positions = 32768,
                     .num_kv_heads = 4,
                     .norm_eps = 1e-6,
                     .activation = "silu",
                     .tied = true,
                     .rope_theta = 2e6,
                     .slides = true};
  family.read_config = read_smollm3;
  family.write_config = write_smollm3;
  return family;
}

}  // namespace limpid
