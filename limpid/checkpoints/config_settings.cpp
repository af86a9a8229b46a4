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
constexpr ConfigKey kMaxPositions{{"max_position_embeddings", "n_positions", "max_seq_len"}, "context_length"};
constexpr ConfigKey kRmsNormEps{{"rms_norm_eps"}, "attention.layer_norm_rms_epsilon"};
constexpr ConfigKey kLayerNormEps{{"layer_norm_epsilon", "layer_norm_eps", "norm_epsilon"},
                                  "attention.layer_norm_epsilon"};
constexpr ConfigKey kActivation{{"hidden_activation", "hidden_act", "activation_function", "activation"}};
constexpr ConfigKey kSlidingPattern{{"sliding_window_pattern"}, "attention.sliding_window_pattern"};

constexpr int64_t kWidest = 1 << 20;

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
  LIMPID_CHECK(c.hidden_size >= 0 && c.hidden_size <= kWidest, FormatError, keys.place(), ": hidden size is ",
               c.hidden_size, ", expected 1 to ", kWidest);  // before anything is computed from it
  c.num_layers = keys.integer(kNumLayers);
  c.vocab_size = read_vocab_size(keys, defaults);
  read_heads(keys, defaults, known, c);
  if (known || keys.json()) c.intermediate_size = keys.integer(kInnerSize, defaults.inner_multiple * c.hidden_size);
  c.max_positions = keys.integer(kMaxPositions, defaults.max_positions);
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
  const bool no_window =
      defaults.slides && keys.json() && keys.json()->contains("sliding_window") && !keys.has({{"sliding_window"}});
  const bool slides = !no_window && keys.boolean_or({{"use_sliding_window"}}, true);
  if (!slides) keys.pass_over({"sliding_window"});
  if (defaults.slides && slides)
    c.sliding_window =
        keys.integer_or({{"sliding_window"}, "attention.sliding_window"}, keys.json() ? defaults.sliding_window : 0);
  keys.pass_over(
      {"sliding_window_pattern", "attention.sliding_window_pattern"});  // where layers are listed, or none slides
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

/// Reads what blocks with experts have; which blocks do, all unless the family says otherwise.
void read_experts(const ConfigKeys& keys, const ConfigDefaults& defaults, ModelConfig& c) {
  c.num_experts = keys.integer({{"num_local_experts", "num_experts"}, "expert_count"}, defaults.num_experts);
  c.experts_per_token = keys.integer({{"num_experts_per_tok"}, "expert_used_count"}, defaults.experts_per_token);
  const int64_t usual = keys.json() && defaults.expert_size > 0 ? defaults.expert_size : c.intermediate_size;
  c.expert_size = keys.integer_or({{"moe_intermediate_size"}, "expert_feed_forward_length"}, usual);
  c.with_experts.assign(size_t(c.num_layers), true);
  keys.pass_over({"output_router_logits", "router_aux_loss_coef", "router_jitter_noise"});  // of training
}

/// Refuses a decoder that sees what follows and an encoder that does not.
void check_direction(const ConfigKeys& keys, bool encoder) {
  const bool causal = keys.boolean_or({{"is_causal"}, "attention.causal"}, !encoder);
  LIMPID_CHECK(causal != encoder, ConfigError, keys.place(), ": attention is said to be ", causal ? "" : "not ",
               "causal, which is not supported for this family");
  if (!encoder) keys.pass_over({"is_decoder"});  // true or false, a decoder it is
}

}  // namespace

void read_settings(const ConfigKeys& keys, const Family* family, ModelConfig& c) {
  const ConfigDefaults& defaults = family ? family->defaults : kOfUnknown;
  read_sizes(keys, defaults, family, c);
  LIMPID_CHECK(!keys.json() || !keys.has(kRmsNormEps) || !keys.has(kLayerNormEps) ||
                   keys.number_or(kRmsNormEps, 0) == keys.number_or(kLayerNormEps, 0),
               ConfigError, keys.place(), ": \"rms_norm_eps\" is ", keys.number_or(kRmsNormEps, 0),
               " and the epsilon of layer norms ", keys.number_or(kLayerNormEps, 0), "; expected one of them");
  c.norm_eps = keys.number_or(kRmsNormEps, keys.number_or(kLayerNormEps, defaults.norm_eps));
  c.activation = keys.text_or(kActivation, defaults.activation);
  read_tied_and_biased(keys, defaults, c);
  if (family && family->rotary) read_rope(keys, defaults, c);
  read_layer_types(keys, defaults, family, c);
  if (family && family->experts) read_experts(keys, defaults, c);
  c.attention_scale = 1 / std::sqrt(double(c.head_dim));
  if (family) check_direction(keys, family->encoder.has_value());
  if (keys.gguf())
    keys.pass_over({"vocab_size", "tensor_data_layout", "pooling_type", "rope.scaling.finetuned",
                    "rope.scaling.original_context_length"});
}

}  // namespace limpid
