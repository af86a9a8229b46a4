#include <cmath>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/family.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

struct Limit {
  const char* name;
  int64_t ModelConfig::* size;
  int64_t most;
};

/// Limits of sizes. They are generous: no published model comes near, and nothing computed from such sizes overflows
/// int64.
constexpr Limit kLimits[] = {
    {"vocabulary size", &ModelConfig::vocab_size, 1 << 24},
    {"hidden size", &ModelConfig::hidden_size, 1 << 20},
    {"number of layers", &ModelConfig::num_layers, 10'000},
    {"number of heads", &ModelConfig::num_heads, 1 << 16},
    {"number of key-value heads", &ModelConfig::num_kv_heads, 1 << 16},
    {"head size", &ModelConfig::head_dim, 1 << 16},
    {"intermediate size", &ModelConfig::intermediate_size, 1 << 24},
    {"number of positions", &ModelConfig::max_positions, int64_t(1) << 31},
};

bool is_finite_positive(double value) { return std::isfinite(value) && value > 0; }

void check_rope(const RopeConfig& rope, const ModelConfig& config, const std::string& prefix) {
  LIMPID_CHECK(rope.scaling != RopeConfig::Scaling::kOther, FormatError, prefix, "rotary scaling of type ",
               quote(rope.type_name), " is not supported, expected default, dynamic, linear, llama3, longrope or yarn");
  LIMPID_CHECK(is_finite_positive(rope.theta), FormatError, prefix, "rotary base is ", rope.theta,
               ", expected a positive number");
  LIMPID_CHECK(is_finite_positive(rope.factor), FormatError, prefix, "rotary scaling factor is ", rope.factor,
               ", expected a positive number");
  LIMPID_CHECK(is_finite_positive(rope.magnitude), FormatError, prefix, "rotary scaling: \"attention_factor\" is ",
               rope.magnitude, ", expected a positive number");
  if (rope.scaling == RopeConfig::Scaling::kLlama3) {
    LIMPID_CHECK(rope.original_max_position > 0, FormatError, prefix,
                 "rotary scaling: \"original_max_position_embeddings\" is ", rope.original_max_position,
                 ", expected a positive integer");
    LIMPID_CHECK(rope.low_freq_factor > 0 && rope.high_freq_factor > rope.low_freq_factor &&
                     std::isfinite(rope.high_freq_factor),
                 FormatError, prefix, "rotary scaling: \"low_freq_factor\" is ", rope.low_freq_factor,
                 " and \"high_freq_factor\" ", rope.high_freq_factor, ", expected 0 < low < high");
  }
  if (rope.scaling == RopeConfig::Scaling::kYarn)
    LIMPID_CHECK(rope.original_max_position > 0 && rope.slow_turns > 0 && rope.fast_turns >= rope.slow_turns &&
                     std::isfinite(rope.fast_turns) && rope.theta > 1,
                 FormatError, prefix, "rotary scaling yarn: \"beta_fast\" is ", rope.fast_turns, ", \"beta_slow\" ",
                 rope.slow_turns, ", expected 0 < slow <= fast");
  for (float divisor : rope.divisors)
    LIMPID_CHECK(is_finite_positive(divisor), FormatError, prefix, "tensor \"rope_freqs.weight\" holds ", divisor,
                 ", expected positive numbers");
  LIMPID_CHECK(config.head_dim % 2 == 0, FormatError, prefix, "head size is ", config.head_dim,
               ", expected an even number for rotary embedding");
}

void check_experts(const ModelConfig& config, const std::string& prefix) {
  constexpr int64_t kMostExperts = 1 << 16;
  LIMPID_CHECK(config.num_experts > 0 && config.num_experts <= kMostExperts, FormatError, prefix,
               "number of experts is ", config.num_experts, ", expected 1 to ", kMostExperts);
  LIMPID_CHECK(config.experts_per_token > 0 && config.experts_per_token <= config.num_experts, FormatError, prefix,
               "number of experts for a token is ", config.experts_per_token, ", expected 1 to ", config.num_experts);
  LIMPID_CHECK(config.expert_size > 0 && config.expert_size <= 1 << 24, FormatError, prefix, "size of an expert is ",
               config.expert_size, ", expected 1 to ", 1 << 24);
}

}  // namespace

void check_config(const ModelConfig& config) {
  const std::string prefix = concat("[config] ", config.source, ": ");
  for (const Limit& limit : kLimits) {
    const int64_t size = config.*limit.size;
    LIMPID_CHECK(size > 0 && size <= limit.most, FormatError, prefix, limit.name, " is ", size, ", expected 1 to ",
                 limit.most);
  }
  LIMPID_CHECK(config.num_heads % config.num_kv_heads == 0, FormatError, prefix, config.num_heads,
               " heads are not a multiple of ", config.num_kv_heads, " key-value heads");
  if (family_of(config).experts) check_experts(config, prefix);
  LIMPID_CHECK(config.layer_types.size() == size_t(config.num_layers), FormatError, prefix, "\"layer_types\" has ",
               config.layer_types.size(), " entries for ", config.num_layers, " layers");
  LIMPID_CHECK(std::isfinite(config.norm_eps) && config.norm_eps >= 0 && config.norm_eps < 1, FormatError, prefix,
               "norm epsilon is ", config.norm_eps, ", expected a number from 0 to 1");
  LIMPID_CHECK(is_finite_positive(config.attention_scale), FormatError, prefix, "\"query_pre_attn_scalar\" is ",
               config.query_pre_attn_scalar, ", expected a positive number");
  for (double cap : {config.attention_softcap, config.final_softcap})
    LIMPID_CHECK(std::isfinite(cap) && cap >= 0, FormatError, prefix, "a soft cap is ", cap,
                 ", expected a positive number or none");
  for (double scale : {config.embedding_scale, config.residual_scale, config.logit_scale})
    LIMPID_CHECK(std::isfinite(scale) && scale != 0, FormatError, prefix, "a multiplier is ", scale,
                 ", expected a number other than 0");
  bool slides = false;
  for (LayerType type : config.layer_types) slides = slides || type == LayerType::kSliding;
  LIMPID_CHECK(config.sliding_window >= (slides ? 1 : 0), FormatError, prefix, "sliding window is ",
               config.sliding_window, ", expected a positive integer");
  if (family_of(config).rotary) {
    check_rope(config.rope, config, prefix);
    check_rope(config.local_rope, config, prefix);
    LIMPID_CHECK(config.rotary_fraction >= 0 && config.rotary_fraction <= 1, FormatError, prefix, "rotates ",
                 config.rotary_fraction, " of each head, expected a share of it");
    const int64_t pairs = config.rotary_width() / 2;
    LIMPID_CHECK(config.rope.divisors.empty() || config.rope.divisors.size() == size_t(pairs), FormatError, prefix,
                 "tensor \"rope_freqs.weight\" has ", config.rope.divisors.size(), " entries, expected ", pairs);
  } else {
    LIMPID_CHECK(config.num_heads * config.head_dim == config.hidden_size, FormatError, prefix, "hidden size ",
                 config.hidden_size, " is not ", config.num_heads, " heads of ", config.head_dim);
  }
  if (config.is_encoder()) {
    LIMPID_CHECK(config.num_kv_heads == config.num_heads, FormatError, prefix, config.num_heads, " heads share ",
                 config.num_kv_heads, " key-value heads, which encoders do not");
    LIMPID_CHECK(config.type_vocab_size >= 0 && config.type_vocab_size <= 1 << 16, FormatError, prefix,
                 "\"type_vocab_size\" is ", config.type_vocab_size, ", expected 0 to 65536");
    LIMPID_CHECK(config.position_offset >= 0 && config.position_offset < config.max_positions, FormatError, prefix,
                 "position table has ", config.max_positions, " rows, of which the first used is ",
                 config.position_offset);
  }
}

}  // namespace limpid
