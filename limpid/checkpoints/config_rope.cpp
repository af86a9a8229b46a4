#include <cmath>

#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/rotary_frequencies.h"

namespace limpid {
namespace {

void read_yarn(const ConfigKeys& keys, RopeConfig& rope, int64_t max_positions) {
  rope.fast_turns = keys.number_or({{"beta_fast"}}, 32);
  rope.slow_turns = keys.number_or({{"beta_slow"}}, 1);
  rope.whole_pairs = keys.boolean_or({{"truncate"}}, true);
  const double one = keys.number_or({{"mscale"}}, 0), all = keys.number_or({{"mscale_all_dim"}}, 0);
  const double usual = one != 0 && all != 0 ? yarn_magnitude(rope.factor, one) / yarn_magnitude(rope.factor, all)
                                            : yarn_magnitude(rope.factor);
  rope.magnitude = keys.number_or({{"attention_factor"}}, usual);
  if (rope.original_max_position == 0) rope.original_max_position = max_positions;
}

/// Reads the factors of the context that the model was first made for (Ding et al. 2024, arXiv:2402.13753).
void read_longrope(const ConfigKeys& keys, RopeConfig& rope) {
  LIMPID_CHECK(keys.has({{"short_factor"}}), FormatError, keys.place(), ": \"short_factor\" is missing");
  const Json& list = (*keys.json())["short_factor"];
  LIMPID_CHECK(list.is_array() && !list.empty(), FormatError, keys.place(), ": \"short_factor\" is ", json_kind(list),
               ", expected a list of numbers");
  for (const Json& factor : list) {
    LIMPID_CHECK(factor.is_number(), FormatError, keys.place(), ": \"short_factor\" holds ", json_kind(factor),
                 ", expected numbers");
    rope.divisors.push_back(factor.get<float>());
  }
  rope.factor = keys.number_or({{"factor"}}, 0);
  rope.magnitude = keys.number_or({{"attention_factor"}}, 0);
}

/// LongRoPE has one set of factors for texts within the original context and one for longer ones, and a text that grows
/// beyond would have to be read anew: the model is used within its original context. What the file left open, 0 until
/// here, follows from the two contexts.
void limit_to_original_context(int64_t original, ModelConfig& c) {
  if (original <= 0 || original >= c.max_positions) original = c.max_positions;
  RopeConfig& rope = c.rope;
  if (rope.factor == 0) rope.factor = double(c.max_positions) / double(original);
  if (rope.magnitude == 0)
    rope.magnitude = rope.factor > 1 ? std::sqrt(1 + std::log(rope.factor) / std::log(double(original))) : 1;
  c.max_positions = original;
}

RopeConfig::Scaling scaling_named(const std::string& type) {
  using enum RopeConfig::Scaling;
  // "dynamic" changes nothing within the context that the model was made for, and longer texts are refused.
  if (type == "default" || type == "dynamic") return kNone;
  if (type == "linear") return kLinear;
  if (type == "llama3") return kLlama3;
  if (type == "yarn") return kYarn;
  return type == "longrope" || type == "su" ? kDivisors : kOther;
}

/// Reads an object of rotary settings. Its base counts before the one beside it.
void read_rotary_object(const ConfigKeys& keys, ModelConfig& c, RopeConfig& rope) {
  using Scaling = RopeConfig::Scaling;
  rope.theta = keys.number_or({{"rope_theta"}}, rope.theta);
  c.rotary_fraction = keys.number_or({{"partial_rotary_factor"}}, c.rotary_fraction);
  const std::string type = keys.text_or({{"rope_type", "type"}}, "default");
  rope.scaling = scaling_named(type);
  if (rope.scaling == Scaling::kOther) {
    rope.type_name = type;
    return;
  }
  keys.pass_over({"original_max_position_embeddings"});  // says how the model was trained; some compute with it
  keys.pass_over({"long_factor"});                       // of texts that are not read
  if (type == "dynamic") keys.pass_over({"factor"});
  if (rope.scaling == Scaling::kLinear || rope.scaling == Scaling::kLlama3 || rope.scaling == Scaling::kYarn)
    rope.factor = keys.number({{"factor"}});
  if (rope.scaling == Scaling::kLlama3) {
    rope.low_freq_factor = keys.number_or({{"low_freq_factor"}}, 1);
    rope.high_freq_factor = keys.number_or({{"high_freq_factor"}}, 4);
  }
  if (rope.scaling != Scaling::kNone)
    rope.original_max_position = keys.integer_or({{"original_max_position_embeddings"}}, 0);
  if (rope.scaling == Scaling::kYarn) read_yarn(keys, rope, c.max_positions);
  if (rope.scaling == Scaling::kDivisors) read_longrope(keys, rope);
  keys.refuse_unread();
}

/// Reads one divisor for each frequency. @return whether the file has the tensor
bool read_divisors(const ConfigKeys& keys, const char* tensor, RopeConfig& rope) {
  const TensorView* divisors = keys.gguf()->find(tensor);
  if (!divisors) return false;
  LIMPID_CHECK(divisors->elements() <= 1 << 16, FormatError, keys.place(), ": tensor \"", tensor, "\" has ",
               divisors->elements(), " elements, expected half a head");
  rope.scaling = RopeConfig::Scaling::kDivisors;
  rope.divisors = to_floats(*divisors);
  return true;
}

void read_gguf_scaling(const ConfigKeys& keys, ModelConfig& c) {
  using Scaling = RopeConfig::Scaling;
  RopeConfig& rope = c.rope;
  constexpr ConfigKey kFactor{{}, "rope.scaling.factor"};
  const std::string type = keys.text_or({{}, "rope.scaling.type"}, keys.has(kFactor) ? "linear" : "none");
  rope.scaling = Scaling::kOther;
  if (type == "none") rope.scaling = Scaling::kNone;
  if (type == "linear") rope.scaling = Scaling::kLinear;
  if (type == "yarn") rope.scaling = Scaling::kYarn;
  if (type == "longrope") rope.scaling = Scaling::kNone;  // its factors are tensors
  if (rope.scaling == Scaling::kOther) rope.type_name = type;
  if (rope.scaling != Scaling::kNone) rope.factor = keys.number_or(kFactor, 1);
  if (rope.scaling == Scaling::kYarn) {
    rope.original_max_position = keys.integer_or({{}, "rope.scaling.original_context_length"}, c.max_positions);
    rope.fast_turns = keys.number_or({{}, "rope.scaling.yarn_beta_fast"}, 32);
    rope.slow_turns = keys.number_or({{}, "rope.scaling.yarn_beta_slow"}, 1);
    rope.magnitude = keys.number_or({{}, "rope.scaling.attn_factor"}, 1) * yarn_magnitude(rope.factor);
  }
  constexpr ConfigKey kOlder{{}, "rope.scale_linear"};
  if (keys.has(kOlder)) {
    rope.scaling = Scaling::kLinear;
    rope.factor = keys.number_or(kOlder, 1);
  }
  if (!read_divisors(keys, "rope_freqs.weight", rope) && read_divisors(keys, "rope_factors_short.weight", rope)) {
    rope.factor = 0;
    rope.magnitude = keys.number_or({{}, "rope.scaling.attn_factor"}, 0);
    limit_to_original_context(keys.integer_or({{}, "rope.scaling.original_context_length"}, 0), c);
  }
}

/// Reads the rotary settings of a family with two bases: the new name holds an object for each type of layer, the old
/// one is laid over that of the full layers, whose long reach scaling is for.
void read_two_rotary_objects(const ConfigKeys& keys, ModelConfig& c) {
  Json full = Json::object();
  if (keys.has({{"rope_parameters"}})) {
    const ConfigKeys types = keys.inside("rope_parameters");
    if (types.has({{"full_attention"}})) full = *types.inside("full_attention").json();
    if (types.has({{"sliding_attention"}})) read_rotary_object(types.inside("sliding_attention"), c, c.local_rope);
    types.refuse_unread();
  }
  if (keys.has({{"rope_scaling"}})) {
    const ConfigKeys scaling = keys.inside("rope_scaling");
    LIMPID_CHECK(scaling.has({{"rope_type"}}) || !scaling.has({{"type"}}), ConfigError, scaling.place(),
                 ": \"type\" stands alone, which versions of transformers read differently for ", c.architecture,
                 "; write \"rope_type\" for it");
    full.update(*scaling.json());
  }
  read_rotary_object({full, keys.place() + ": rotary settings of full layers", /*strict=*/true}, c, c.rope);
}

/// Reads config.json's rotary settings. Objects of the old and the new name mean the same; the old one counts first,
/// and the base in it before the one at the top, as transformers 5 has it.
void read_json_rope(const ConfigKeys& keys, const ConfigDefaults& defaults, ModelConfig& c) {
  c.rotary_fraction = keys.number_or({{"partial_rotary_factor", "rotary_pct"}}, defaults.rotary_fraction);
  if (defaults.local_rope_theta != 0) return read_two_rotary_objects(keys, c);
  const auto used = [&](const char* name) { return keys.has({{name}}) && !is_off((*keys.json())[name]); };
  const bool old_name = used("rope_scaling"), new_name = used("rope_parameters");
  if (old_name || new_name) read_rotary_object(keys.inside(old_name ? "rope_scaling" : "rope_parameters"), c, c.rope);
  if (c.rope.scaling == RopeConfig::Scaling::kDivisors)
    limit_to_original_context(keys.integer_or({{"original_max_position_embeddings"}}, c.rope.original_max_position), c);
  c.local_rope = c.rope;
}

}  // namespace

void read_rope(const ConfigKeys& keys, const ConfigDefaults& defaults, ModelConfig& c) {
  const bool one_base = defaults.local_rope_theta == 0;
  c.rope.theta =
      keys.number_or({{"rope_theta", "rotary_emb_base", "global_rope_theta"}, "rope.freq_base"}, defaults.rope_theta);
  if (!one_base)
    c.local_rope.theta =
        keys.number_or({{"rope_local_base_freq", "local_rope_theta"}, "rope.freq_base_swa"}, defaults.local_rope_theta);
  if (keys.json()) return read_json_rope(keys, defaults, c);
  read_gguf_scaling(keys, c);
  const int64_t rotating = keys.integer_or({{}, "rope.dimension_count"}, c.head_dim);
  c.rotary_fraction = c.head_dim > 0 ? double(rotating) / double(c.head_dim) : 1;
  if (one_base) c.local_rope = c.rope;
}

}  // namespace limpid
