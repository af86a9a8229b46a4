#include "limpid/models/encoder.h"

#include <algorithm>
#include <cmath>

namespace limpid {

#define LIMPID_DECODER(family, model)
#define LIMPID_ENCODER(family, model) std::shared_ptr<Encoder> make_##model(const ModelConfig&, const Weights&);
#include "limpid/checkpoints/families/table.inl"
#undef LIMPID_ENCODER

namespace {

using EncoderMaker = std::shared_ptr<Encoder> (*)(const ModelConfig& config, const Weights& weights);

const std::map<std::string, EncoderMaker>& encoder_table() {
  static const std::map<std::string, EncoderMaker> table = {
#define LIMPID_ENCODER(family, model) {#family, make_##model},
#include "limpid/checkpoints/families/table.inl"
  };
  return table;
}
#undef LIMPID_DECODER
#undef LIMPID_ENCODER

std::string known_encoders() {
  std::string known;
  for (const auto& [name, maker] : encoder_table()) known += (known.empty() ? "" : ", ") + name;
  return known;
}

Tensor empty_floats(int64_t rows, int64_t columns) { return torch::empty({rows, columns}, torch::kFloat32); }

Tensor first_tokens(const EncoderBatch& batch, const Tensor& hidden) {
  const int64_t D = hidden.size(1);
  Tensor first = empty_floats(batch.texts(), D);
  for (int64_t b = 0; b < batch.texts(); ++b)
    std::copy_n(hidden.const_data_ptr<float>() + batch.offset[size_t(b)] * D, D,
                first.mutable_data_ptr<float>() + b * D);
  return first;
}

}  // namespace

void EncoderBatch::add(std::span<const TokenId> ids, std::span<const int32_t> given) {
  LIMPID_CHECK(given.empty() || given.size() == ids.size(), ShapeError, "[encoder] ", ids.size(), " tokens with ",
               given.size(), " token types");
  tokens.insert(tokens.end(), ids.begin(), ids.end());
  if (given.empty())
    types.resize(tokens.size(), 0);
  else
    types.insert(types.end(), given.begin(), given.end());
  offset.push_back(int64_t(tokens.size()));
}

Encoder::Encoder(const ModelConfig& config, const Weights& w)
    : config_(config),
      activation_(nn::activation_named(config.activation, config.source)) {
  const Family& family = family_of(config);
  const EncoderParts& parts = *family.encoder;
  const int64_t D = config.hidden_size, width = config.embedding_width > 0 ? config.embedding_width : D;
  if (family.rotary) {
    rotary_ = nn::Rotary(config.rotary_width(), config.rope);
    local_rotary_ = nn::Rotary(config.rotary_width(), config.local_rope);
  }
  words_ = w.embedding(family.embedding.name, config.vocab_size, width);
  if (config.learned_positions) positions_ = w.embedding("embeddings.position_embeddings", config.max_positions, width);
  if (config.type_vocab_size > 0)
    types_ = w.embedding("embeddings.token_type_embeddings", config.type_vocab_size, width);
  if (width != D) widening_ = w.linear(parts.widening->name, D, width, parts.widening->biased);
  const bool widens_behind = width != D && !parts.widening->before_norm;
  embeddings_norm_ = w.layer_norm(parts.embeddings_norm, widens_behind ? width : D, config.norm_bias);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) linears_.push_back(w.linears(layer));

  if (!config.model_class.ends_with("SequenceClassification")) return;
  features_ = w.linear(parts.features, D, D, config.head_bias);
  if (parts.head_norm) head_norm_ = w.layer_norm(parts.head_norm, D, config.norm_bias);
  classifier_ = w.linear(parts.classifier, config.num_labels, D, true);
}

bool Encoder::multi_label() const {
  // As transformers decides: one label is a yes or no; several exclude each other where the file is silent.
  return config_.problem_type == "multi_label_classification" || config_.num_labels == 1;
}

TokenIds Encoder::encode(std::string_view text, int64_t max_length) const {
  return std::move(windows(text, max_length).front());
}

std::vector<TokenIds> Encoder::windows(std::string_view text, int64_t length) const {
  LIMPID_CHECK(tokenizer_, ConfigError, path_.string(),
               ": has no tokenizer (tokenizer.json or vocab.txt); texts cannot be encoded");
  const TokenIds ids = tokenizer_->encode(text, /*add_special=*/true);
  const size_t limit = size_t(std::min(length, max_tokens()));
  if (ids.size() <= limit) return {ids};
  // One special token in front, the others behind: [CLS] text [SEP], <s> text </s>.
  const size_t special = tokenizer_->encode("", true).size(), front = std::min(special, size_t(1));
  LIMPID_CHECK(limit > special, ConfigError, path_.string(), ": a length of ", limit,
               " tokens leaves no room beside the ", special, " special ones");
  const size_t room = limit - special, end = ids.size() - (special - front);
  std::vector<TokenIds> windows;
  for (size_t begin = front;; begin += (room + 1) / 2) {
    const size_t stop = std::min(begin + room, end);
    TokenIds& window = windows.emplace_back(ids.begin(), ids.begin() + ptrdiff_t(front));
    window.insert(window.end(), ids.begin() + ptrdiff_t(begin), ids.begin() + ptrdiff_t(stop));
    window.insert(window.end(), ids.begin() + ptrdiff_t(end), ids.end());
    if (stop == end) return windows;
  }
}

Tensor Encoder::embed(const EncoderBatch& batch) const {
  std::vector<int32_t> rows;
  rows.reserve(batch.tokens.size());
  for (int64_t b = 0; b < batch.texts(); ++b) {
    int32_t seen = 0;  // with an offset, padding stands at the row of the padding id and does not count
    for (int64_t t = batch.offset[size_t(b)]; t < batch.offset[size_t(b) + 1]; ++t) {
      const bool padding = config_.position_offset > 0 && batch.tokens[size_t(t)] == config_.pad_id;
      rows.push_back(int32_t(config_.position_offset) + (padding ? -1 : seen++));
    }
  }
  Tensor x = words_.forward(batch.tokens);
  // Words, then types, then positions: the order in which transformers adds them up.
  if (types_.packed()) x = nn::residual(x, types_.forward(batch.types));
  if (positions_.packed()) x = nn::residual(x, positions_.forward(rows));
  const bool widens_first = widening_.defined() && family_of(config_).encoder->widening->before_norm;
  if (widens_first) x = widening_.forward(x);
  x = embeddings_norm_.forward(x);
  return widening_.defined() && !widens_first ? widening_.forward(x) : x;
}

BlockContext Encoder::context(int64_t layer, const nn::Pass& pass, const nn::RotaryTable& full,
                              const nn::RotaryTable& local) const {
  const ModelConfig& c = config_;
  const bool slides = c.layer_types[size_t(layer)] == LayerType::kSliding;
  static const nn::Experts kNone;
  return {.layer = layer,
          .cache_layer = 0,
          .linears = linears_[size_t(layer)],
          .experts = kNone,
          .attention = {.heads = c.num_heads,
                        .kv_heads = c.num_heads,
                        .head_dim = c.head_dim,
                        .scale = c.attention_scale,
                        .window = slides ? c.sliding_window : 0,
                        .ahead = slides ? c.sliding_window - 1 : 0},
          .activation = activation_,
          .rotary = slides ? local_rotary_ : rotary_,
          .rotary_table = slides ? local : full,
          .pass = pass,
          .hook = nullptr};
}

Tensor Encoder::hidden(const EncoderBatch& batch, EncoderHook* hook) const {
  LIMPID_CHECK(batch.texts() > 0, ConfigError, "[encoder] no text");
  // Each layer's keys and values are needed in that layer only, so one layer of cache serves all of them.
  const auto pool = std::make_shared<nn::KvPool>(nn::KvShape{1, size_t(config_.num_heads), size_t(config_.head_dim)});
  std::vector<nn::KvCache> caches(size_t(batch.texts()), nn::KvCache(pool));
  std::vector<nn::Sequence> sequences;
  for (int64_t b = 0; b < batch.texts(); ++b) {
    const int64_t begin = batch.offset[size_t(b)], length = batch.offset[size_t(b) + 1] - begin;
    LIMPID_CHECK(length > 0 && length <= max_tokens(), ConfigError, "[encoder] a text of ", length,
                 " tokens, expected 1 to ", max_tokens(), " for ", config_.source);
    sequences.push_back({&caches[size_t(b)], std::span(batch.tokens).subspan(size_t(begin), size_t(length))});
  }
  const nn::Pass pass(sequences, /*bidirectional=*/true);
  const torch::NoGradGuard no_grad;
  const nn::RotaryTable full = rotary_.table(pass.positions), local = local_rotary_.table(pass.positions);
  Tensor x = embed(batch);
  if (hook) hook->stage(0, batch, x);
  for (int64_t layer = 0; layer < num_layers(); ++layer) {
    x = block(std::move(x), context(layer, pass, full, local));
    if (layer + 1 == num_layers()) x = final_norm(x);
    if (hook) hook->stage(layer + 1, batch, x);
  }
  return x;
}

Tensor Encoder::features(const EncoderBatch& batch, const Tensor& hidden) const {
  LIMPID_CHECK(has_classifier(), ConfigError, path_.string(), ": ",
               config_.model_class.empty() ? "the model" : config_.model_class,
               " has no classification head; expected a …ForSequenceClassification");
  const torch::NoGradGuard no_grad;
  const Tensor pooled =
      config_.mean_pooling ? mean_pool(batch, hidden, /*normalise=*/false) : first_tokens(batch, hidden);
  const Tensor x = head_activation(features_.forward(pooled), config_.head_activation, config_.source);
  return family_of(config_).encoder->head_norm ? head_norm_.forward(x) : x;
}

Tensor Encoder::logits(const Tensor& features) const {
  LIMPID_CHECK(has_classifier(), ConfigError, path_.string(), ": the model has no classification head");
  const torch::NoGradGuard no_grad;
  return classifier_.forward(features);
}

Tensor Encoder::probabilities(const Tensor& logits) const {
  const torch::NoGradGuard no_grad;
  const int64_t rows = logits.size(0), labels = logits.size(1);
  Tensor out = empty_floats(rows, labels);
  for (int64_t r = 0; r < rows; ++r) {
    const float* z = logits.const_data_ptr<float>() + r * labels;
    float* p = out.mutable_data_ptr<float>() + r * labels;
    const double top = *std::max_element(z, z + labels);
    double sum = 0.0;
    for (int64_t l = 0; l < labels; ++l) sum += std::exp(z[l] - top);
    for (int64_t l = 0; l < labels; ++l)
      p[l] = float(multi_label() ? 1.0 / (1.0 + std::exp(-double(z[l]))) : std::exp(z[l] - top) / sum);
  }
  return out;
}

Tensor head_activation(Tensor x, const std::string& name, const std::string& source) {
  if (name != "tanh") return nn::activate(std::move(x), nn::activation_named(name, source));
  // A plain loop: LibTorch's vector code has other bits for the tail of a tensor than for its body.
  float* values = x.mutable_data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); ++i) values[i] = std::tanh(values[i]);
  return x;
}

Tensor mean_pool(const EncoderBatch& batch, const Tensor& hidden, bool normalise) {
  const torch::NoGradGuard no_grad;
  const int64_t D = hidden.size(1);
  Tensor out = empty_floats(batch.texts(), D);
  std::vector<double> sums(size_t(D), 0.0);
  for (int64_t b = 0; b < batch.texts(); ++b) {
    std::fill(sums.begin(), sums.end(), 0.0);
    const int64_t begin = batch.offset[size_t(b)], end = batch.offset[size_t(b) + 1];
    for (int64_t t = begin; t < end; ++t) {
      const float* x = hidden.const_data_ptr<float>() + t * D;
      for (int64_t d = 0; d < D; ++d) sums[size_t(d)] += x[d];
    }
    double squares = 0.0;
    for (double& sum : sums) {
      sum /= double(end - begin);
      squares += sum * sum;
    }
    const double scale = normalise ? 1.0 / std::max(std::sqrt(squares), 1e-12) : 1.0;
    float* y = out.mutable_data_ptr<float>() + b * D;
    for (int64_t d = 0; d < D; ++d) y[d] = float(sums[size_t(d)] * scale);
  }
  return out;
}

std::shared_ptr<const Encoder> open_encoder(const fs::path& path, const InferenceOptions& options) {
  const ModelConfig config = read_config(path);
  LIMPID_CHECK(config.is_encoder() && !config.from_gguf, ConfigError, path.string(), ": ",
               config.from_gguf ? "a GGUF file of " : "", "architecture \"", config.architecture,
               "\" is not an encoder that is supported; supported are Hugging Face folders of ", known_encoders());
  const auto encoder = encoder_table().at(config.architecture)(config, {Checkpoint::open(path), config, options});
  encoder->path_ = path;
  if (has_tokenizer(path)) encoder->tokenizer_ = open_tokenizer(path);
  return encoder;
}

}  // namespace limpid
