#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/files.h"
#include "limpid/core/json.h"

/// Sizes and settings of a model, read from a Hugging Face config.json or from GGUF metadata into one struct.
namespace limpid {

enum class LayerType { kFull, kSliding };

/// Rotary embedding of one kind of layer: inv_freq[i] = theta^(-2i / rotary_dim), then changed by the scaling.
/// - kLinear: inv_freq / factor squeezes positions. Chen et al. 2023, arXiv:2306.15595.
/// - kLlama3: long wavelengths / factor, short ones kept, a smooth blend between. The turns of a pair within the
///   original context, t = original inv_freq / (2 pi), are few at t < low_freq_factor and many at t > high_freq_factor;
///   between them s = (t - low) / (high - low) gives (1 - s) inv_freq / factor + s inv_freq. Dubey et al. 2024,
///   arXiv:2407.21783.
/// - kYarn: inv_freq / factor for pairs that turn less than slow_turns times within the original context, inv_freq for
///   those that turn more than fast_turns times, a ramp between; cos and sin times `magnitude`. Peng et al. 2023,
///   arXiv:2309.00071.
/// - kDivisors: inv_freq[i] / divisors[i], which is how GGUF files store kLlama3 (tensor rope_freqs.weight).
/// - kOther: a type that no supported family has; `type_name` says which.
struct RopeConfig {
  enum class Scaling { kNone, kLinear, kLlama3, kYarn, kDivisors, kOther };
  double theta = 10000;
  Scaling scaling = Scaling::kNone;
  double factor = 1, low_freq_factor = 1, high_freq_factor = 4;
  double fast_turns = 32, slow_turns = 1;  ///< only for kYarn, as are:
  bool whole_pairs = true;                 ///< the ramp begins and ends at whole pairs
  double magnitude = 1;
  int64_t original_max_position = 0;
  std::vector<float> divisors;  ///< [rotary_dim / 2], only for kDivisors
  std::string type_name;        ///< as the file spells it, only for kOther
  bool operator==(const RopeConfig&) const = default;
};

/// Metadata that name tokens at which a text ends, in order.
inline constexpr const char* kGgufEndTokens[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                                 "tokenizer.ggml.eom_token_id"};

/// Disentangled attention: to the scores of queries and keys come products of the queries with keys made of relative
/// positions (content to position), and of the keys with queries made of them (position to content). He et al. 2020,
/// arXiv:2006.03654, section 3.1; He et al. 2021, arXiv:2111.09543.
struct DisentangledAttention {
  bool relative = false;  ///< the model has a table of relative positions at all
  bool content_to_position = false, position_to_content = false;
  bool shared_layers = false;  ///< the layers of queries and keys make those of positions too; else others do
  bool normed = false;         ///< the table goes through a norm
  int64_t reach = 0;           ///< the table has 2 reach rows, for distances -reach to reach - 1
  int64_t buckets = 0;         ///< distances beyond half of these share rows, ever more of them; 0: each has its own
  int64_t farthest = 0;        ///< distance, counted from 1, at which the buckets end
  int64_t convolution = 0;     ///< tokens, an odd number, that a convolution beside the first block sees; 0: none
  std::string convolution_activation;
};

/// Sizes and settings common to the families. For those of family.h everything is filled and checked; for other
/// architectures what could be read (0 and empty otherwise), so that they can be named.
struct ModelConfig {
  std::string architecture;  ///< Family::name; other names as the file has them
  std::string model_class;   ///< Hugging Face "architectures"[0], empty for GGUF
  std::string source;        ///< file the values come from, for messages
  Json raw;                  ///< config.json as it is (the text part of a multimodal one); null for GGUF
  bool from_gguf = false;

  int64_t vocab_size = 0, hidden_size = 0, num_layers = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0;
  int64_t intermediate_size = 0, max_positions = 0;
  double norm_eps = 0;
  std::string activation;  ///< Hugging Face spelling: "silu", "gelu_new", "gelu_pytorch_tanh", "gelu", "relu"
  bool tie_word_embeddings = false, attention_bias = false, mlp_bias = false;
  int64_t embedding_width = 0;   ///< of the token embedding and the output matrix; 0: hidden_size
  double embedding_scale = 1;    ///< the token embedding is multiplied by this; sqrt(hidden_size) in some
  double residual_scale = 1;     ///< what a block's halves add to the residual stream is multiplied by this
  double logit_scale = 1;        ///< logits are multiplied by this
  bool norm_first = true;        ///< norms stand before the halves of a block; else behind the sums
  bool parallel_halves = false;  ///< attention and feed-forward read the same residual stream
  bool separate_norms = true;    ///< parallel halves have a norm each
  double alibi_bias_max = 0;     ///< ALiBi: the slopes are 2^(-alibi_bias_max i / heads); 0: none
  double qkv_clip = 0;           ///< queries, keys and values are kept within +-qkv_clip; 0: as they are

  int64_t num_experts = 0;         ///< of a feed-forward half that has several; 0: none has
  int64_t experts_per_token = 0;   ///< that a token is given to
  int64_t expert_size = 0;         ///< intermediate size of each
  bool whole_shares = true;        ///< shares of a token's experts add up to 1; else they are parts of all experts' 1
  std::vector<bool> with_experts;  ///< [num_layers], layers whose feed-forward half has experts; empty: none

  RopeConfig rope;        ///< rotary embedding of full layers
  RopeConfig local_rope;  ///< rotary embedding of sliding layers; equal to `rope` where the family has one base only
  double rotary_fraction = 1;         ///< part of each head that rotates
  std::vector<bool> rotating_layers;  ///< [num_layers]; empty: all, in families with rotary positions
  int64_t sliding_window = 0;  ///< keys a sliding layer sees, itself included, in encoders to each side; 0: none slides
  std::vector<LayerType> layer_types;  ///< [num_layers]
  double query_pre_attn_scalar = 0;    ///< 0 where the family has none
  double attention_scale = 0;  ///< scores are multiplied by this: query_pre_attn_scalar^-1/2, else head_dim^-1/2
  double attention_softcap = 0, final_softcap = 0;  ///< cap * tanh(x / cap); 0 is none

  std::vector<int64_t> eos_ids;  ///< of GGUF files by kGgufEndTokens; else generation_config.json before config.json;
                                 ///< ids outside the vocabulary are left out
  int64_t bos_id = -1, pad_id = -1;  ///< -1 where there is none

  // Encoders.
  int64_t type_vocab_size = 0, num_labels = 0;
  std::vector<std::string> labels;  ///< id2label in order of the ids; empty for a bare encoder
  std::string problem_type;         ///< "single_label_classification", "multi_label_classification" or ""
  int64_t position_offset = 0;      ///< first row of the position table that is used
  bool learned_positions = true;    ///< a position table is added to the token embedding
  bool norm_bias = true;            ///< norms have biases
  std::string head_activation;      ///< between the two linear layers of the head: "tanh", or spelt as `activation` is
  bool head_bias = true;            ///< the first of them has a bias
  bool mean_pooling = false;        ///< the head reads the mean of a text's tokens rather than the first of them
  DisentangledAttention disentangled;  ///< of DeBERTa

  bool has_experts(int64_t layer) const { return !with_experts.empty() && with_experts[size_t(layer)]; }
  bool is_encoder() const;       ///< tells by its family (family.h)
  int64_t rotary_width() const;  ///< numbers of a head that rotate, as transformers rounds the fraction
};

/// Reads the config of a Hugging Face folder (config.json, generation_config.json), a folder with one .gguf, or a .gguf
/// file.
/// @throws FormatError, one line that names file and key, for what is missing, of the wrong kind or makes no sense.
ModelConfig read_config(const fs::path& path);

/// Returns the config that parsed files describe.
/// @param config      a parsed config.json
/// @param generation  a parsed generation_config.json, or null
/// @param source      what to call the file in errors
ModelConfig config_from_huggingface(Json config, const Json& generation, const std::string& source);
ModelConfig config_from_gguf(const GgufFile& file);

/// Returns the config.json of a model with `config.num_layers` layers: that of its base with the number of layers
/// changed, or one made from the values of a GGUF file. Weights are float32.
/// @throws ConfigError for a family that is not known or whose config.json we cannot write, and for settings that
/// config.json cannot say.
Json config_to_huggingface(const ModelConfig& config);

/// Returns the generation_config.json that a config.json stands for: its special ids.
Json generation_json(const Json& config);

/// Refuses values that make no sense: no heads, heads that do not divide, sizes that are negative or absurd.
void check_config(const ModelConfig& config);

}  // namespace limpid
