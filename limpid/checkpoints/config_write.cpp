#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/rotary_frequencies.h"

namespace limpid {
namespace {

/// Returns Llama 3's scaling as every published Llama 3.x model has it, but for the factor and the first context.
RopeConfig llama3_rope(const ModelConfig& config, double factor, int64_t original) {
  RopeConfig rope;
  rope.theta = config.rope.theta;
  rope.scaling = RopeConfig::Scaling::kLlama3;
  rope.factor = factor;
  rope.original_max_position = original;
  return rope;
}

bool gives_divisors(const ModelConfig& config, const RopeConfig& rope) {
  const std::vector<float>& divisors = config.rope.divisors;
  const std::vector<float> expected = llama3_divisors(rope, 2 * int64_t(divisors.size()));
  return std::ranges::equal(divisors, expected, [](float a, float b) { return std::fabs(a - b) < 1e-3f * b; });
}

/// Returns Llama 3's scaling, which GGUF keeps as one divisor per frequency. The factor is the largest divisor; the
/// original context, 8,192 in every published Llama 3.x model, is a power of two that gives the divisors back.
RopeConfig llama3_scaling(const ModelConfig& config) {
  const double factor = *std::ranges::max_element(config.rope.divisors);
  std::vector<int64_t> contexts = {8192};
  for (int64_t original = 16; original <= 1 << 20; original *= 2) contexts.push_back(original);
  for (int64_t original : contexts)
    if (const RopeConfig rope = llama3_rope(config, factor, original);
        config.rope.magnitude == 1 && gives_divisors(config, rope))
      return rope;
  throw ConfigError(concat(config.source,
                           ": the rope divisors are not those of Llama 3's rule, so config.json cannot say them; "
                           "train from the Hugging Face folder instead"));
}

Json rope_scaling(const ModelConfig& config) {
  using Scaling = RopeConfig::Scaling;
  const RopeConfig rope = config.rope.scaling == Scaling::kDivisors ? llama3_scaling(config) : config.rope;
  switch (rope.scaling) {
    case Scaling::kNone: return nullptr;
    case Scaling::kLinear: return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case Scaling::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", rope.factor},
              {"low_freq_factor", rope.low_freq_factor},
              {"high_freq_factor", rope.high_freq_factor},
              {"original_max_position_embeddings", rope.original_max_position}};
    case Scaling::kYarn:
      return {{"rope_type", "yarn"},
              {"factor", rope.factor},
              {"beta_fast", rope.fast_turns},
              {"beta_slow", rope.slow_turns},
              {"truncate", rope.whole_pairs},
              {"attention_factor", rope.magnitude},
              {"original_max_position_embeddings", rope.original_max_position}};
    case Scaling::kDivisors:
    case Scaling::kOther: break;
  }
  throw ConfigError(
      concat(config.source, ": rope scaling ", quote(rope.type_name), " cannot be written to config.json"));
}

}  // namespace

Json layer_types_json(const ModelConfig& config) {
  Json types = Json::array();
  for (int64_t layer = 0; layer < config.num_layers; ++layer)
    types.push_back(config.layer_types.at(size_t(layer)) == LayerType::kSliding ? "sliding_attention"
                                                                                : "full_attention");
  return types;
}

Json decoder_config_json(const ModelConfig& c) {
  return {{"hidden_size", c.hidden_size},
          {"num_hidden_layers", c.num_layers},
          {"num_attention_heads", c.num_heads},
          {"num_key_value_heads", c.num_kv_heads},
          {"head_dim", c.head_dim},
          {"intermediate_size", c.intermediate_size},
          {"max_position_embeddings", c.max_positions},
          {"rms_norm_eps", c.norm_eps},
          {"attention_bias", c.attention_bias},
          {"rope_theta", c.rope.theta},
          {"rope_scaling", rope_scaling(c)}};
}

Json config_to_huggingface(const ModelConfig& c) {
  Json json = c.raw;
  if (!json.is_object()) {
    const Family& family = family_of(c);
    LIMPID_CHECK(family.write_config, ConfigError, c.source, ": the config.json of a model of family ", c.architecture,
                 " cannot be written");
    json = family.write_config(c);
    json["vocab_size"] = c.vocab_size;
    json["tie_word_embeddings"] = c.tie_word_embeddings;
    if (c.bos_id >= 0) json["bos_token_id"] = c.bos_id;
    if (c.pad_id >= 0) json["pad_token_id"] = c.pad_id;
    if (!c.eos_ids.empty()) json["eos_token_id"] = c.eos_ids.size() == 1 ? Json(c.eos_ids[0]) : Json(c.eos_ids);
  }
  bool said = false;
  for (const char* spelling : {"num_hidden_layers", "n_layer", "n_layers", "num_layers"}) {
    if (!json.contains(spelling)) continue;
    json[spelling] = c.num_layers;
    said = true;
  }
  if (!said) json["num_hidden_layers"] = c.num_layers;
  if (json.contains("layer_types")) json["layer_types"] = layer_types_json(c);
  if (const auto list = json.find("no_rope_layers"); list != json.end() && list->is_array())
    list->get_ref<Json::array_t&>().resize(size_t(c.num_layers));
  json[json.contains("dtype") ? "dtype" : "torch_dtype"] = "float32";
  json.erase("quantization_config");
  return json;
}

Json generation_json(const Json& config) {
  Json generation = {{"_from_model_config", true}};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (config.contains(key) && !config[key].is_null()) generation[key] = config[key];
  return generation;
}

}  // namespace limpid
