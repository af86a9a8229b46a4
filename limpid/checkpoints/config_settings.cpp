#include <cmath>

#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/quote.h"

namespace limpid {
namespace {

constexpr ConfigKey kVocabSize{{"vocab_size"}, "vocab_size"};
constexpr ConfigKey kHiddenSize{{"hidden_size", "n_embd", "d_model", "dim"}, "embedding_length"};
constexpr ConfigKey kNumLayers{{"num_hidden_layers", "n_layer", "n_layers", "num_layers"}, "block_count"};
constexpr ConfigKey kNumHeads{{"num_attention_heads", "n_head", "n_heads"}, "attention.head_count"};
constexpr ConfigKey kNumKvHeads{{"num_key_value_heads", "num_kv_heads"}, "attention.head_count_kv"};
constexpr ConfigKey kHeadDim{{"head_dim"}, "attention.key_length"};
constexpr ConfigKey kInnerSize{{"intermediate_size", "n_inner", "ffn_dim", "hidden_dim", "ffn_hidden_size"},
                               "feed_forward_length"};
constexpr ConfigKey kMaxPositions{{"max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"}, "context_length"};
constexpr ConfigKey kRmsNormEps{{"rms_norm_eps"}, "attention.layer_norm_rms_epsilon"};
constexpr ConfigKey kLayerNormEps{{"layer_norm_epsilon", "layer_norm_eps", "norm_epsilon"},
                                  "attention.layer_norm_epsilon"};
constexpr ConfigKey kActivation{{"hidden_activation", "hidden_act", "activation_function", "activation"}};
constexpr ConfigKey kSlidingPattern{{"sliding_window_pattern", "_sliding_window_pattern"},
                                    "attention.sliding_window_pattern"};

constexpr ConfigDefaults kOfUnknown = {.inner_multiple = 4, .tied = true, .slides = true};

/// Reads the size of the vocabulary. The embedding decides in a GGUF file, which may pad it beyond the list of tokens.
int64_t read_vocab_size(const ConfigKeys& keys, const ConfigDefaults& defaults) {
  const GgufFile* file = keys.gguf();
  if (!file) return keys.integer(kVocabSize, defaults.vocab_size);
  if (const TensorView* embedding = file->find("token_embd.weight")) {
    LIMPID_CHECK(embedding->shape.size() == 2, FormatError, keys.place(), ": tensor \"token_embd.weight\" has ",
                 embedding->shape.size(), " dimensions, expected 2");
    return embedding->shape[0];
  }
  if (keys.has(kVocabSize)) return keys.integer(kVocabSize);
  return file->has("tokenizer.ggml.tokens") ? int64_t(file->texts("tokenizer.ggml.tokens").size()) : 0;
}

void read_heads(const ConfigKeys& keys, const ConfigDefaults& defaults, bool known, ModelConfig& c) {
  const bool class_defaults = keys.json() != nullptr;
  if (known || class_defaults) {  // a list in GGUF files of some other families
    c.num_heads = keys.integer(kNumHeads, defaults.num_heads);
    const int64_t groups = class_defaults && defaults.num_kv_heads > 0 ? defaults.num_kv_heads : c.num_heads;
    c.num_kv_heads = keys.integer_or(kNumKvHeads, groups);
  }
  LIMPID_CHECK(!known || c.num_heads > 0, FormatError, keys.place(), ": number of heads is ", c.num_heads,
               ", expected 1 to 65536");
  const int64_t class_width = class_defaults ? defaults.head_dim : 0;
  LIMPID_CHECK(!known || keys.has(kHeadDim) || class_width > 0 || c.hidden_size % c.num_heads == 0, FormatError,
               keys.place(), ": hidden size ", c.hidden_size, " is not a multiple of ", c.num_heads, " heads");
  const int64_t share = c.num_heads > 0 ? c.hidden_size / c.num_heads : 0;
  c.head_dim = keys.integer_or(kHeadDim, class_width > 0 ? class_width : share);
  const int64_t value_length = keys.integer_or({{}, "attention.value_length"}, c.head_dim);
  LIMPID_CHECK(!known || value_length == c.head_dim, FormatError, keys.place(), ": keys of ", c.head_dim,
               " and values of ", value_length, " are not supported");
}

void read_sizes(const ConfigKeys& keys, const ConfigDefaults& defaults, bool known, ModelConfig& c) {
  c.hidden_size = keys.integer(kHiddenSize);
  c.num_layers = keys.integer(kNumLayers);
  c.vocab_size = read_vocab_size(keys, defaults);
  read_heads(keys, defaults, known, c);
  const bool sane = c.hidden_size >= 0 && c.hidden_size <= 1 << 20;  // else check_config refuses it
  if (known || keys.json())
    c.intermediate_size = keys.integer(kInnerSize, defaults.inner_multiple * (sane ? c.hidden_size : 1));
  c.max_positions = keys.integer(kMaxPositions, defaults.max_positions);
}

/// Returns the magnitude that YaRN gives queries and keys for a context `factor` times as long.
double yarn_magnitude(double factor, double weight = 1) {
  return factor <= 1 ? 1 : 0.1 * weight * std::log(factor) + 1;
}

void read_yarn(const ConfigKeys& keys, RopeConfig& rope) {
  rope.fast_turns = keys.number_or({{"beta_fast"}}, 32);
  rope.slow_turns = keys.number_or({{"beta_slow"}}, 1);
  rope.whole_pairs = keys.boolean_or({{"truncate"}}, true);
  const double one = keys.number_or({{"mscale"}}, 0), all = keys.number_or({{"mscale_all_dim"}}, 0);
  const double usual = one != 0 && all != 0 ? yarn_magnitude(rope.factor, one) / yarn_magnitude(rope.factor, all)
                                            : yarn_magnitude(rope.factor);
  rope.magnitude = keys.number_or({{"attention_factor"}}, usual);
}

/// Reads the factors of the context that the model was first made for (Ding et al. 2024, arXiv:2402.13753).
void read_longrope(const ConfigKeys& keys, RopeConfig& rope) {
  const Json& list = keys.json()->value("short_factor", Json());
  LIMPID_CHECK(list.is_array() && !list.empty(), FormatError, keys.place(), ": \"short_factor\" is ", json_kind(list),
               ", expected a list of numbers");
  for (const Json& factor : list) {
    LIMPID_CHECK(factor.is_number(), FormatError, keys.place(), ": \"short_factor\" holds ", json_kind(factor),
                 ", expected numbers");
    rope.divisors.push_back(factor.get<float>());
  }
  rope.magnitude = keys.number_or({{"attention_factor"}}, 0);
}

void read_json_scaling(const ConfigKeys& keys, RopeConfig& rope) {
  using Scaling = RopeConfig::Scaling;
  const std::string type = keys.text_or({{"rope_type", "type"}}, "default");
  rope.scaling = Scaling::kOther;
  // "dynamic" changes nothing within the context that the model was made for, and longer texts are refused.
  if (type == "default" || type == "dynamic") rope.scaling = Scaling::kNone;
  if (type == "linear") rope.scaling = Scaling::kLinear;
  if (type == "llama3") rope.scaling = Scaling::kLlama3;
  if (type == "yarn") rope.scaling = Scaling::kYarn;
  if (type == "longrope" || type == "su") rope.scaling = Scaling::kDivisors;
  if (rope.scaling == Scaling::kOther) rope.type_name = type;
  if (rope.scaling == Scaling::kNone) return;
  rope.factor = keys.number_or({{"factor"}}, 1);
  if (rope.scaling == Scaling::kYarn) read_yarn(keys, rope);
  if (rope.scaling == Scaling::kDivisors) read_longrope(keys, rope);
  rope.low_freq_factor = keys.number_or({{"low_freq_factor"}}, 1);
  rope.high_freq_factor = keys.number_or({{"high_freq_factor"}}, 4);
  rope.original_max_position = keys.integer_or({{"original_max_position_embeddings"}}, 0);
}

void read_gguf_scaling(const ConfigKeys& keys, RopeConfig& rope) {
  using Scaling = RopeConfig::Scaling;
  const std::string type = keys.text_or({{}, "rope.scaling.type"}, "none");
  rope.scaling = Scaling::kOther;
  if (type == "none") rope.scaling = Scaling::kNone;
  if (type == "linear") rope.scaling = Scaling::kLinear;
  if (rope.scaling == Scaling::kOther) rope.type_name = type;
  if (rope.scaling != Scaling::kNone) rope.factor = keys.number_or({{}, "rope.scaling.factor"}, 1);
  constexpr ConfigKey kOlder{{}, "rope.scale_linear"};
  if (keys.has(kOlder)) {
    rope.scaling = Scaling::kLinear;
    rope.factor = keys.number_or(kOlder, 1);
  }
  if (const TensorView* divisors = keys.gguf()->find("rope_freqs.weight")) {
    LIMPID_CHECK(divisors->elements() <= 1 << 16, FormatError, keys.place(), ": tensor \"rope_freqs.weight\" has ",
                 divisors->elements(), " elements, expected half a head");
    rope.scaling = Scaling::kDivisors;
    rope.divisors = to_floats(*divisors);
  }
}

/// Reads the newest spelling: one object for all layers, or one for each of their types.
void read_rope_parameters(const ConfigKeys& keys, bool one_base, ModelConfig& c) {
  if (!keys.has({{"rope_parameters"}})) return;
  const ConfigKeys parameters = keys.inside("rope_parameters");
  const auto read = [&](const ConfigKeys& from, RopeConfig& rope) {
    const double theta = from.number_or({{"rope_theta"}}, rope.theta);
    rope = RopeConfig();
    rope.theta = theta;
    read_json_scaling(from, rope);
    c.rotary_fraction = from.number_or({{"partial_rotary_factor"}}, c.rotary_fraction);
  };
  const bool full = parameters.has({{"full_attention"}}), sliding = parameters.has({{"sliding_attention"}});
  if (full) read(parameters.inside("full_attention"), c.rope);
  if (sliding) read(parameters.inside("sliding_attention"), c.local_rope);
  if (full || sliding) return;
  read(parameters, c.rope);
  if (one_base) c.local_rope = c.rope;
}

void read_rope(const ConfigKeys& keys, const ConfigDefaults& defaults, ModelConfig& c) {
  c.rope.theta = keys.number_or({{"rope_theta", "rotary_emb_base"}, "rope.freq_base"}, defaults.rope_theta);
  if (keys.gguf()) {
    read_gguf_scaling(keys, c.rope);
    const int64_t rotating = keys.integer_or({{}, "rope.dimension_count"}, c.head_dim);
    c.rotary_fraction = c.head_dim > 0 ? double(rotating) / double(c.head_dim) : 1;
  } else {
    if (keys.has({{"rope_scaling"}})) read_json_scaling(keys.inside("rope_scaling"), c.rope);
    c.rotary_fraction = keys.number_or({{"partial_rotary_factor", "rotary_pct"}}, 1);
  }
  const bool one_base = defaults.local_rope_theta == 0;
  c.local_rope = one_base ? c.rope : RopeConfig();  // scaling is for the long reach of full layers only
  if (!one_base)
    c.local_rope.theta = keys.number_or({{"rope_local_base_freq"}, "rope.freq_base_swa"}, defaults.local_rope_theta);
  if (keys.json()) read_rope_parameters(keys, one_base, c);
  for (RopeConfig* rope : {&c.rope, &c.local_rope})
    if (rope->scaling == RopeConfig::Scaling::kYarn && rope->original_max_position == 0)
      rope->original_max_position = c.max_positions;
}

/// Reads the types of the layers one by one. @return whether the file lists them
bool read_listed_layer_types(const ConfigKeys& keys, ModelConfig& c) {
  if (const GgufFile* file = keys.gguf()) {
    const std::string key = keys.gguf_key(kSlidingPattern.gguf);
    const auto entry = file->metadata().find(key);
    const auto* list = entry == file->metadata().end() ? nullptr : std::get_if<std::vector<bool>>(&entry->second.value);
    if (!list) return false;
    LIMPID_CHECK(list->size() == c.layer_types.size(), FormatError, keys.place(), ": metadata ", quote(key), " has ",
                 list->size(), " entries for ", c.num_layers, " layers");
    for (size_t i = 0; i < list->size(); ++i)
      if ((*list)[i]) c.layer_types[i] = LayerType::kSliding;
    return true;
  }
  if (!keys.has({{"layer_types"}})) return false;
  const Json& list = (*keys.json())["layer_types"];
  LIMPID_CHECK(list.is_array() && list.size() == c.layer_types.size(), FormatError, keys.place(), ": \"layer_types\" ",
               list.is_array() ? concat("has ", list.size(), " entries") : concat("is ", json_kind(list)),
               ", expected one for each of ", c.num_layers, " layers");
  for (size_t i = 0; i < list.size(); ++i) {
    const bool slides = list[i] == "sliding_attention";
    LIMPID_CHECK(slides || list[i] == "full_attention", FormatError, keys.place(), ": \"layer_types\" entry ", i,
                 " is not \"full_attention\" or \"sliding_attention\"");
    if (slides) c.layer_types[i] = LayerType::kSliding;
  }
  return true;
}

void read_layer_types(const ConfigKeys& keys, const ConfigDefaults& defaults, bool known, ModelConfig& c) {
  LIMPID_CHECK(c.num_layers >= 0 && c.num_layers <= 10'000, FormatError, keys.place(), ": number of layers is ",
               c.num_layers, ", expected 1 to 10000");
  c.layer_types.assign(size_t(c.num_layers), LayerType::kFull);
  const bool no_window = keys.json() && keys.json()->contains("sliding_window") && !keys.has({{"sliding_window"}});
  if (defaults.slides && !no_window && keys.boolean_or({{"use_sliding_window"}}, true))
    c.sliding_window =
        keys.integer_or({{"sliding_window"}, "attention.sliding_window"}, keys.json() ? defaults.sliding_window : 0);
  if (!known || (keys.gguf() && c.sliding_window <= 0) || read_listed_layer_types(keys, c) || c.sliding_window <= 0)
    return;
  const int64_t pattern = keys.integer_or(kSlidingPattern, defaults.sliding_pattern);
  LIMPID_CHECK(pattern >= 0, FormatError, keys.place(), ": \"sliding_window_pattern\" is ", pattern,
               ", expected a positive integer");
  for (int64_t i = 0; i < c.num_layers; ++i)
    if (pattern == 0 || (i + 1) % pattern != 0) c.layer_types[size_t(i)] = LayerType::kSliding;
}

/// Reads whether the embedding is tied and layers have biases: a GGUF file has the tensors or has them not; a
/// config.json says so.
void read_tied_and_biased(const ConfigKeys& keys, const ConfigDefaults& defaults, ModelConfig& c) {
  if (const GgufFile* file = keys.gguf()) {
    c.tie_word_embeddings = file->find("token_embd.weight") && !file->find("output.weight");
    c.attention_bias = file->find("blk.0.attn_q.bias") || file->find("blk.0.attn_qkv.bias");
    c.mlp_bias = file->find("blk.0.ffn_up.bias") != nullptr;
    return;
  }
  c.tie_word_embeddings = keys.boolean_or({{"tie_word_embeddings"}}, defaults.tied);
  c.attention_bias = keys.boolean_or({{"attention_bias"}}, defaults.biased);
  c.mlp_bias = keys.boolean_or({{"mlp_bias"}}, defaults.biased);
}

}  // namespace

void read_settings(const ConfigKeys& keys, const Family* family, ModelConfig& c) {
  const ConfigDefaults& defaults = family ? family->defaults : kOfUnknown;
  read_sizes(keys, defaults, family, c);
  c.norm_eps = keys.number_or(kRmsNormEps, keys.number_or(kLayerNormEps, defaults.norm_eps));
  c.activation = keys.text_or(kActivation, defaults.activation);
  read_tied_and_biased(keys, defaults, c);
  if (family && family->rotary) read_rope(keys, defaults, c);
  read_layer_types(keys, defaults, family, c);
  c.attention_scale = 1 / std::sqrt(double(c.head_dim));
}

}  // namespace limpid
