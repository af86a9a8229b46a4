#include "limpid/conversion/gguf_metadata.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "limpid/checkpoints/quote.h"
#include "limpid/checkpoints/rotary_frequencies.h"
#include "limpid/checkpoints/tensor_names.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

void add_rotary(const ModelConfig& c, const std::string& prefix, GgufMetadata& out) {
  using Scaling = RopeConfig::Scaling;
  const RopeConfig& rope = c.rope;
  out[prefix + "rope.freq_base"] = {rope.theta};
  out[prefix + "rope.dimension_count"] = {c.rotary_width()};
  if (rope.scaling == Scaling::kLinear || rope.scaling == Scaling::kYarn) {
    out[prefix + "rope.scaling.type"] = {std::string(rope.scaling == Scaling::kYarn ? "yarn" : "linear")};
    out[prefix + "rope.scaling.factor"] = {rope.factor};
  }
  if (rope.scaling == Scaling::kYarn) {
    out[prefix + "rope.scaling.original_context_length"] = {rope.original_max_position};
    out[prefix + "rope.scaling.attn_factor"] = {rope.magnitude / yarn_magnitude(rope.factor)};
    out[prefix + "rope.scaling.yarn_beta_fast"] = {rope.fast_turns};
    out[prefix + "rope.scaling.yarn_beta_slow"] = {rope.slow_turns};
  }
  if (c.local_rope != rope) out[prefix + "rope.freq_base_swa"] = {c.local_rope.theta};
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

bool same(double a, double b) { return close(a, b); }
bool same(int64_t a, int64_t b) { return a == b; }
bool same(bool a, bool b) { return a == b; }
bool same(const std::string& a, const std::string& b) { return a == b; }

bool same_rotation(const RopeConfig& a, const RopeConfig& b, int64_t width) {
  return close(a.magnitude, b.magnitude) &&
         std::ranges::equal(rotary_frequencies(a, width), rotary_frequencies(b, width), close);
}

std::string in_words(const std::string& value) { return quote(value); }
std::string in_words(bool value) { return value ? "true" : "false"; }
std::string in_words(auto value) { return concat(value); }

/// What is computed with, by its name for people.
using Setting =
    std::variant<double ModelConfig::*, int64_t ModelConfig::*, bool ModelConfig::*, std::string ModelConfig::*>;
const std::pair<const char*, Setting> kSettings[] = {
    {"norm epsilon", &ModelConfig::norm_eps},
    {"scale of the embedding", &ModelConfig::embedding_scale},
    {"scale of the residual sums", &ModelConfig::residual_scale},
    {"scale of the logits", &ModelConfig::logit_scale},
    {"scale of attention", &ModelConfig::attention_scale},
    {"soft cap of attention", &ModelConfig::attention_softcap},
    {"soft cap of the logits", &ModelConfig::final_softcap},
    {"ALiBi bias", &ModelConfig::alibi_bias_max},
    {"clip of queries, keys and values", &ModelConfig::qkv_clip},
    {"vocabulary size", &ModelConfig::vocab_size},
    {"hidden size", &ModelConfig::hidden_size},
    {"width of the embedding", &ModelConfig::embedding_width},
    {"number of layers", &ModelConfig::num_layers},
    {"number of heads", &ModelConfig::num_heads},
    {"number of key-value heads", &ModelConfig::num_kv_heads},
    {"head size", &ModelConfig::head_dim},
    {"intermediate size", &ModelConfig::intermediate_size},
    {"number of positions", &ModelConfig::max_positions},
    {"first position", &ModelConfig::position_offset},
    {"sliding window", &ModelConfig::sliding_window},
    {"number of experts", &ModelConfig::num_experts},
    {"number of experts for a token", &ModelConfig::experts_per_token},
    {"size of an expert", &ModelConfig::expert_size},
    {"shares of experts that add up to 1 (\"norm_topk_prob\")", &ModelConfig::whole_shares},
    {"tied output matrix", &ModelConfig::tie_word_embeddings},
    {"norms before the halves of a block", &ModelConfig::norm_first},
    {"halves of a block side by side", &ModelConfig::parallel_halves},
    {"norms of the halves of a block", &ModelConfig::separate_norms},
    {"activation", &ModelConfig::activation}};

bool has_sliding_layers(const ModelConfig& c) {
  return std::ranges::find(c.layer_types, LayerType::kSliding) != c.layer_types.end();
}

/// Says in one way what configs say in several.
ModelConfig plain(ModelConfig c) {
  if (c.embedding_width == 0) c.embedding_width = c.hidden_size;
  if (c.rotating_layers.empty()) c.rotating_layers.assign(size_t(c.num_layers), true);
  if (!has_sliding_layers(c)) c.sliding_window = 0, c.local_rope = c.rope;
  std::ranges::sort(c.eos_ids);
  return c;
}

/// Compares what lies in lists.
std::string first_difference_of_layers(const ModelConfig& a, const ModelConfig& b) {
  if (a.layer_types != b.layer_types) return "choice of the layers that slide";
  if (a.with_experts != b.with_experts) return "choice of the layers with experts";
  if (a.rotating_layers != b.rotating_layers) return "choice of the layers that rotate";
  for (const ProjectionFormat& format : family_of(a).projections)
    if (has_bias(a, format.projection) != has_bias(b, format.projection)) return "choice of the layers with a bias";
  const int64_t width = a.rotary_width();
  if (family_of(a).rotary && (width != b.rotary_width() || !same_rotation(a.rope, b.rope, width) ||
                              !same_rotation(a.local_rope, b.local_rope, width)))
    return "rotary positions";
  return "";
}

}  // namespace

GgufMetadata gguf_metadata(const ModelConfig& c, bool layer_norm) {
  const Family& family = family_of(c);
  LIMPID_CHECK((family.written_as || !family.gguf_architectures.empty()) && !c.is_encoder(), ConfigError, c.source,
               ": a model of family ", c.architecture, " cannot be written as a GGUF file");
  const std::string architecture = family.written_as ? family.written_as : family.gguf_architectures.front();
  const std::string prefix = architecture + ".";
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
  if (family.write_metadata)
    for (auto& [key, value] : family.write_metadata(c)) out[prefix + key] = std::move(value);
  return out;
}

std::string first_difference(const ModelConfig& source, const ModelConfig& read) {
  const ModelConfig a = plain(source), b = plain(read);
  for (const auto& [what, setting] : kSettings) {
    const std::string difference = std::visit(
        [&](auto member) {
          return same(a.*member, b.*member)
                     ? ""
                     : concat(" (", in_words(a.*member), ", would be read as ", in_words(b.*member), ")");
        },
        setting);
    if (!difference.empty()) return what + difference;
  }
  if (const std::string difference = first_difference_of_layers(a, b); !difference.empty()) return difference;
  if (!a.eos_ids.empty() && a.eos_ids != b.eos_ids)
    return concat("tokens that end a text (", a.eos_ids.size(), ", would be read as ", b.eos_ids.size(), ")");
  return "";
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
