#include <algorithm>
#include <cmath>
#include <numbers>

#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/quote.h"

namespace limpid {
namespace {

/// The part of Llama 3's scaling that every published Llama 3.x model shares.
constexpr double kLowFrequency = 1.0, kHighFrequency = 4.0;

/// Returns whether Llama 3's rule, for a model made for `original` positions, gives these divisors of the frequencies.
bool gives_divisors(const ModelConfig& config, double factor, double original) {
  const auto& divisors = config.rope.divisors;
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double frequency = std::pow(config.rope.theta, -double(2 * i) / double(2 * divisors.size()));
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    double expected = 1.0;
    if (wavelength > original / kLowFrequency) {
      expected = factor;
    } else if (wavelength > original / kHighFrequency) {
      const double blend = (original / wavelength - kLowFrequency) / (kHighFrequency - kLowFrequency);
      expected = 1.0 / ((1.0 - blend) / factor + blend);
    }
    if (!(std::fabs(double(divisors[i]) - expected) < 1e-3 * expected)) return false;
  }
  return true;
}

/// Returns Llama 3's scaling, which GGUF keeps as one divisor per frequency. The factor is the largest divisor; the
/// original context, 8,192 in every published Llama 3.x model, is a power of two that gives the divisors back.
Json llama3_scaling(const ModelConfig& config) {
  const auto& divisors = config.rope.divisors;
  const double factor = *std::max_element(divisors.begin(), divisors.end());
  double original = 8192.0;
  if (!gives_divisors(config, factor, original))
    for (original = 16.0; original <= 1 << 20 && !gives_divisors(config, factor, original);) original *= 2;
  LIMPID_CHECK(gives_divisors(config, factor, original), ConfigError, config.source,
               ": the rope divisors are not those of Llama 3's rule, so config.json cannot say them; train from the "
               "Hugging Face folder instead");
  return {{"rope_type", "llama3"},
          {"factor", factor},
          {"low_freq_factor", kLowFrequency},
          {"high_freq_factor", kHighFrequency},
          {"original_max_position_embeddings", int64_t(original)}};
}

Json rope_scaling(const ModelConfig& config) {
  using Scaling = RopeConfig::Scaling;
  const RopeConfig& rope = config.rope;
  switch (rope.scaling) {
    case Scaling::kNone: return nullptr;
    case Scaling::kLinear: return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case Scaling::kDivisors: return llama3_scaling(config);
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
  bool says_layers = false;
  for (const char* spelling : {"num_hidden_layers", "n_layer", "n_layers", "num_layers"}) {
    if (!json.contains(spelling)) continue;
    json[spelling] = c.num_layers;
    says_layers = true;
  }
  if (!says_layers) json["num_hidden_layers"] = c.num_layers;
  if (json.contains("layer_types")) json["layer_types"] = layer_types_json(c);
  json[json.contains("dtype") ? "dtype" : "torch_dtype"] = "float32";
  json.erase("quantization_config");
  return json;
}

}  // namespace limpid
