#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "limpid/checkpoints/config.h"
#include "limpid/models/weights.h"
#include "limpid/nn/attention.h"
#include "limpid/nn/mlp.h"
#include "limpid/nn/norm.h"
#include "limpid/nn/pass.h"
#include "limpid/tokenizers/tokenizer.h"

/// Encoders: every token sees its whole text. They classify texts or turn them into vectors. What distinguishes the
/// families stands in their descriptions (checkpoints/family.h).
namespace limpid {

/// Texts side by side, without padding: text b owns tokens [offset[b], offset[b + 1]). Special tokens are in.
struct EncoderBatch {
  std::vector<TokenId> tokens;        ///< [N]
  std::vector<int32_t> types;         ///< [N]: 0 first text, 1 second text of a pair
  std::vector<int64_t> offset = {0};  ///< [texts + 1]

  /// @param types  one for each id, or none: all 0
  void add(std::span<const TokenId> ids, std::span<const int32_t> types = {});
  int64_t texts() const { return int64_t(offset.size()) - 1; }
  int64_t size() const { return int64_t(tokens.size()); }
};

/// Sees [N, D] inner results as they are made (copy what you keep: the next block writes into them): stage 0 is the
/// input of the first block (after the norm of the embeddings), stage i the output of block i - 1.
class EncoderHook {
 public:
  virtual ~EncoderHook() = default;
  virtual void stage(int64_t stage, const EncoderBatch& batch, const Tensor& x) = 0;
};

/// Post-norm block: x = norm1(x + attention(x)), x = norm2(x + mlp(x)). Vaswani et al. 2017, arXiv:1706.03762; with
/// exact GELU as in Devlin et al. 2018, arXiv:1810.04805.
struct EncoderBlock {
  BlockLinears linears;
  nn::LayerNorm attention_norm, output_norm;

  Tensor forward(Tensor x, const nn::AttentionSpec& spec, nn::Activation activation, const nn::Pass& pass) const;
};

/// Inference only: results of a text do not depend on the texts beside it, to the bit. Immutable and safe to share.
class Encoder {
 public:
  Encoder(const ModelConfig& config, const Weights& weights);

  const ModelConfig& config() const { return config_; }
  const std::filesystem::path& path() const { return path_; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }  ///< null when the folder has none
  int64_t num_layers() const { return int64_t(blocks_.size()); }
  bool has_classifier() const { return classifier_.defined(); }
  bool multi_label() const;  ///< sigmoid for each label rather than softmax over them
  int64_t max_tokens() const {
    return config_.max_positions - config_.position_offset;
  }  ///< longest text, special tokens in

  /// Ids of a text with special tokens, cut to `max_length` tokens as Hugging Face does: from the end of the text, the
  /// closing special token stays. @throws ConfigError without a tokenizer, or when max_length leaves no room for text.
  TokenIds encode(std::string_view text, int64_t max_length) const;

  /// Output of the last block, [N, D] float32.
  /// @throws ConfigError for an empty text or one longer than max_tokens(); ShapeError for ids or types outside their
  /// tables.
  Tensor hidden(const EncoderBatch& batch, EncoderHook* hook = nullptr) const;
  /// Input of the last linear layer, [texts, D]: of each text's first token, tanh or relu of a linear layer.
  /// @throws ConfigError without a classifier.
  Tensor features(const EncoderBatch& batch, const Tensor& hidden) const;
  Tensor logits(const Tensor& features) const;       ///< [texts, labels]
  Tensor probabilities(const Tensor& logits) const;  ///< softmax or sigmoid, see multi_label()

 private:
  friend std::shared_ptr<const Encoder> open_encoder(const std::filesystem::path&, const InferenceOptions&);
  Tensor embed(const EncoderBatch& batch) const;

  ModelConfig config_;
  nn::Activation activation_;
  nn::Embedding words_, positions_, types_;  // types_ undefined where the family has none
  nn::LayerNorm embeddings_norm_;
  std::vector<EncoderBlock> blocks_;
  nn::Linear features_, classifier_;  // undefined in a bare encoder
  std::filesystem::path path_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

/// Mean over the tokens of each text (special tokens in, as in sentence-transformers), [texts, D], in double sums.
/// @param normalise  divide each row by its L2 length. Reimers & Gurevych 2019, arXiv:1908.10084.
Tensor mean_pool(const EncoderBatch& batch, const Tensor& hidden, bool normalise);

/// A Hugging Face folder of an encoder, with or without a classification head; tensor names with and without the
/// family's prefix.
/// @throws ConfigError for another family, naming it and those that are supported; FormatError for malformed files.
std::shared_ptr<const Encoder> open_encoder(const std::filesystem::path& path, const InferenceOptions& options = {});

}  // namespace limpid
