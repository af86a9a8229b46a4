#include "limpid/conversion/gguf_metadata.h"

#include <cmath>
#include <numbers>

#include "limpid/checkpoints/family.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

void add_rotary(const ModelConfig& c, const std::string& prefix, GgufMetadata& out) {
  out[prefix + "rope.freq_base"] = {c.rope.theta};
  out[prefix + "rope.dimension_count"] = {int64_t(std::llround(c.rotary_fraction * double(c.head_dim)))};
  if (c.rope.scaling == RopeConfig::Scaling::kLinear) {
    out[prefix + "rope.scaling.type"] = {std::string("linear")};
    out[prefix + "rope.scaling.factor"] = {c.rope.factor};
  }
  if (c.local_rope != c.rope) out[prefix + "rope.freq_base_swa"] = {c.local_rope.theta};
}

/// Says which layers slide, where that does not follow from the family.
void add_windows(const ModelConfig& c, const std::string& prefix, GgufMetadata& out) {
  if (c.sliding_window <= 0) return;
  out[prefix + "attention.sliding_window"] = {c.sliding_window};
  const int64_t pattern = family_of(c).defaults.sliding_pattern;
  std::vector<bool> slides;
  bool usual = true;
  for (int64_t layer = 0; layer < c.num_layers; ++layer) {
    slides.push_back(c.layer_types[size_t(layer)] == LayerType::kSliding);
    usual = usual && slides.back() == (pattern == 0 || (layer + 1) % pattern != 0);
  }
  if (!usual) out[prefix + "attention.sliding_window_pattern"] = {slides};
}

void add_experts(const ModelConfig& c, const std::string& prefix, GgufMetadata& out) {
  if (c.num_experts == 0) return;
  out[prefix + "expert_count"] = {c.num_experts};
  out[prefix + "expert_used_count"] = {c.experts_per_token};
  if (c.expert_size != c.intermediate_size) out[prefix + "expert_feed_forward_length"] = {c.expert_size};
}

bool close(double a, double b) { return a == b || std::fabs(a - b) <= 1e-6 * std::max(std::fabs(a), std::fabs(b)); }

bool same_rotation(const RopeConfig& a, const RopeConfig& b) {
  const bool llama3 = a.scaling == RopeConfig::Scaling::kLlama3 && b.scaling == RopeConfig::Scaling::kDivisors;
  return close(a.theta, b.theta) && (llama3 || (a.scaling == b.scaling && close(a.factor, b.factor)));
}

}  // namespace

GgufMetadata gguf_metadata(const ModelConfig& c, bool layer_norm) {
  const Family& family = family_of(c);
  LIMPID_CHECK(!family.gguf_architectures.empty() && !c.is_encoder(), ConfigError, c.source, ": a model of family ",
               c.architecture, " cannot be written as a GGUF file");
  const std::string architecture = family.gguf_architectures.front(), prefix = architecture + ".";
  GgufMetadata out;
  out["general.architecture"] = {architecture};
  out["general.type"] = {std::string("model")};
  const std::pair<const char*, int64_t> sizes[] = {{"vocab_size", c.vocab_size},
                                                   {"context_length", c.max_positions},
                                                   {"embedding_length", c.hidden_size},
                                                   {"block_count", c.num_layers},
                                                   {"feed_forward_length", c.intermediate_size},
                                                   {"attention.head_count", c.num_heads},
                                                   {"attention.head_count_kv", c.num_kv_heads},
                                                   {"attention.key_length", c.head_dim},
                                                   {"attention.value_length", c.head_dim}};
  for (const auto& [key, size] : sizes) out[prefix + key] = {size};
  out[prefix + (layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon")] = {c.norm_eps};
  if (family.rotary) add_rotary(c, prefix, out);
  add_windows(c, prefix, out);
  add_experts(c, prefix, out);
  if (c.attention_softcap > 0) out[prefix + "attn_logit_softcapping"] = {c.attention_softcap};
  if (c.final_softcap > 0) out[prefix + "final_logit_softcapping"] = {c.final_softcap};
  return out;
}

std::vector<float> rope_divisors(const ModelConfig& c) {
  const RopeConfig& rope = c.rope;
  if (rope.scaling != RopeConfig::Scaling::kLlama3) return {};
  std::vector<float> divisors;
  const auto original = double(rope.original_max_position);
  for (int64_t i = 0; i < c.head_dim / 2; ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(rope.theta, double(2 * i) / double(c.head_dim));
    double divisor = 1;
    if (wavelength > original / rope.low_freq_factor) {
      divisor = rope.factor;
    } else if (wavelength > original / rope.high_freq_factor) {
      const double blend =
          (original / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
      divisor = 1 / ((1 - blend) / rope.factor + blend);
    }
    divisors.push_back(float(divisor));
  }
  return divisors;
}

std::string first_difference(const ModelConfig& a, const ModelConfig& b) {
  const std::pair<const char*, double ModelConfig::*> numbers[] = {
      {"norm epsilon", &ModelConfig::norm_eps},
      {"scale of the embedding", &ModelConfig::embedding_scale},
      {"share of a head that rotates", &ModelConfig::rotary_fraction},
      {"scale of attention", &ModelConfig::attention_scale},
      {"soft cap of attention", &ModelConfig::attention_softcap},
      {"soft cap of the logits", &ModelConfig::final_softcap}};
  for (const auto& [what, number] : numbers)
    if (!close(a.*number, b.*number)) return concat(what, " (", a.*number, ", would be read as ", b.*number, ")");
  const std::pair<const char*, int64_t ModelConfig::*> sizes[] = {
      {"vocabulary size", &ModelConfig::vocab_size},
      {"hidden size", &ModelConfig::hidden_size},
      {"number of layers", &ModelConfig::num_layers},
      {"number of heads", &ModelConfig::num_heads},
      {"number of key-value heads", &ModelConfig::num_kv_heads},
      {"head size", &ModelConfig::head_dim},
      {"intermediate size", &ModelConfig::intermediate_size},
      {"number of positions", &ModelConfig::max_positions},
      {"sliding window", &ModelConfig::sliding_window},
      {"number of experts", &ModelConfig::num_experts},
      {"number of experts for a token", &ModelConfig::experts_per_token},
      {"size of an expert", &ModelConfig::expert_size}};
  for (const auto& [what, size] : sizes)
    if (a.*size != b.*size) return concat(what, " (", a.*size, ", would be read as ", b.*size, ")");
  if (a.activation != b.activation) return concat("activation (", a.activation, ")");
  if (a.whole_shares != b.whole_shares) return "shares of experts, which do not add up to 1 (\"norm_topk_prob\")";
  if (a.with_experts != b.with_experts) return "choice of the layers with experts";
  if (a.layer_types != b.layer_types) return "choice of the layers that slide";
  if (!same_rotation(a.rope, b.rope) || !same_rotation(a.local_rope, b.local_rope)) return "scaling of the positions";
  return a.attention_bias != b.attention_bias || a.mlp_bias != b.mlp_bias ? "choice of the layers with a bias" : "";
}

int64_t gguf_file_type(DType type) {
  switch (type) {
    case DType::F16: return 1;
    case DType::Q4_0: return 2;
    case DType::Q4_1: return 3;
    case DType::Q8_0: return 7;
    case DType::Q5_0: return 8;
    case DType::Q4_K: return 14;
    case DType::Q5_K: return 16;
    case DType::Q6_K: return 18;
    case DType::BF16: return 32;
    default: return 0;
  }
}

}  // namespace limpid
