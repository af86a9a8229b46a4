#include <algorithm>
#include <cmath>
#include <utility>

#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/names.h"

/// DeBERTa-v2 and -v3 (He et al. 2021, arXiv:2006.03654 and 2111.09543): BERT's blocks with disentangled attention.
namespace limpid {
namespace {

/// Returns the words of a setting that is a list of strings or one string with | between them, in lower case.
std::vector<std::string> read_words(const ConfigKeys& keys, const char* name) {
  std::vector<std::string> words;
  if (!keys.has({{name}})) return words;
  const Json& value = (*keys.json())[name];
  if (value.is_array()) {
    for (const Json& word : value) {
      LIMPID_CHECK(word.is_string(), FormatError, keys.place(), ": \"", name, "\" holds ", json_kind(word),
                   ", expected strings");
      words.push_back(word.get<std::string>());
    }
    return words;
  }
  std::string word;
  for (const char c : keys.text_or({{name}}, "") + "|") {
    if (c == '|')
      words.push_back(std::exchange(word, {}));
    else if (c != ' ')
      word += char(std::tolower(uint8_t(c)));
  }
  return words;
}

/// Takes `wanted` out of the words; returns whether it was there.
bool take(std::vector<std::string>& words, const char* wanted) { return std::erase(words, wanted) > 0; }

void read_positions(const ConfigKeys& keys, const ModelConfig& c, DisentangledAttention& d) {
  std::vector<std::string> kinds = read_words(keys, "pos_att_type"), norms = read_words(keys, "norm_rel_ebd");
  d.content_to_position = take(kinds, "c2p");
  d.position_to_content = take(kinds, "p2c");
  LIMPID_CHECK(kinds.empty(), ConfigError, keys.place(), ": \"pos_att_type\" asks for ", quote(kinds.front()),
               ", which is not supported; supported are c2p and p2c");
  d.normed = take(norms, "layer_norm");
  take(norms, "none");
  LIMPID_CHECK(norms.empty(), ConfigError, keys.place(), ": \"norm_rel_ebd\" is ", quote(norms.front()),
               ", which is not supported; supported are layer_norm and none");
  d.relative = keys.boolean_or({{"relative_attention"}}, false);
  d.shared_layers = keys.boolean_or({{"share_att_key"}}, false);
  d.farthest = keys.integer_or({{"max_relative_positions"}}, -1);
  if (d.farthest < 1) d.farthest = c.max_positions;
  d.buckets = std::max<int64_t>(0, keys.integer_or({{"position_buckets"}}, -1));
  d.reach = d.buckets > 0 ? d.buckets : d.farthest;
  constexpr int64_t kMost = 1 << 20;
  LIMPID_CHECK(d.reach <= kMost && (d.buckets == 0 || (d.buckets >= 4 && d.farthest - 1 > d.buckets / 2)), FormatError,
               keys.place(), ": \"position_buckets\" is ", d.buckets, " for distances up to ", d.farthest,
               ", expected none or 4 to ", kMost, ", half of which are fewer than the distances");
}

void read_convolution(const ConfigKeys& keys, DisentangledAttention& d) {
  d.convolution = keys.integer_or({{"conv_kernel_size"}}, 0);
  d.convolution_activation = keys.text_or({{"conv_act"}}, "tanh");
  const int64_t groups = keys.integer_or({{"conv_groups"}}, 1);
  LIMPID_CHECK(
      d.convolution == 0 || (d.convolution > 0 && d.convolution < 100 && d.convolution % 2 == 1 && groups == 1),
      ConfigError, keys.place(), ": a convolution over ", d.convolution, " tokens in ", groups,
      " groups is not supported, expected an odd number below 100 and one group");
}

void check_equal(const ConfigKeys& keys, const char* name, int64_t expected) {
  const int64_t found = keys.integer_or({{name}}, expected);
  LIMPID_CHECK(found == expected, ConfigError, keys.place(), ": \"", name, "\" is ", found, ", expected ", expected);
}

void read_deberta_v2(const ConfigKeys& keys, ModelConfig& c) {
  read_encoder_config(keys, c);
  c.type_vocab_size = keys.integer_or({{"type_vocab_size"}}, 0);
  c.learned_positions = keys.boolean_or({{"position_biased_input"}}, true);
  c.head_activation = keys.text_or({{"pooler_hidden_act"}}, "gelu");
  read_embedding_size(keys, c.hidden_size, c);
  check_equal(keys, "pooler_hidden_size", c.hidden_size);
  check_equal(keys, "attention_head_size", c.head_dim);
  keys.pass_over({"legacy"});  // of another head
  DisentangledAttention& d = c.disentangled;
  read_positions(keys, c, d);
  read_convolution(keys, d);
  c.attention_scale = 1 / std::sqrt(double(c.head_dim * (1 + d.content_to_position + d.position_to_content)));
}

}  // namespace

Family deberta_v2_family() {
  using enum Projection;
  return {
      .name = "deberta_v2",
      .covers = "DeBERTa-v2 and DeBERTa-v3",
      .model_types = {"deberta-v2"},
      .gguf_architectures = {},
      .defaults = {.max_positions = 512, .norm_eps = 1e-7, .activation = "gelu", .tied = true, .biased = true},
      .read_config = read_deberta_v2,
      .prefix = "deberta.",
      .layers = "encoder.layer.",
      .embedding = {"embeddings.word_embeddings"},
      .projections = {{Query, "attention.self.query_proj", {}},
                      {Key, "attention.self.key_proj", {}},
                      {Value, "attention.self.value_proj", {}},
                      {AttentionOutput, "attention.output.dense", {}},
                      {MlpGate, "intermediate.dense", {}},
                      {MlpDown, "output.dense", {}}},
      .output_bias = OutputBias::Always,
      .encoder = EncoderParts{.attention_norm = "attention.output.LayerNorm",
                              .output_norm = "output.LayerNorm",
                              .features = "pooler.dense",
                              .classifier = "classifier",
                              .widening = Widening{"embeddings.embed_proj", /*before_norm=*/true, /*biased=*/false}},
  };
}

}  // namespace limpid
