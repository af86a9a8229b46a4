#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "limpid/checkpoints/config.h"
#include "limpid/models/block_context.h"
#include "limpid/models/weights.h"
#include "limpid/tokenizers/tokenizer.h"

/// Encoders: every token sees its whole text. They classify texts or turn them into vectors.
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
/// input of the first block (after the norm of the embeddings), stage i the output of block i - 1, the last one behind
/// the final norm of families that have one.
class EncoderHook {
 public:
  virtual ~EncoderHook() = default;
  virtual void stage(int64_t stage, const EncoderBatch& batch, const Tensor& x) = 0;
};

/// One definition of each family, for inference only: results of a text do not depend on the texts beside it, to the
/// bit. Immutable and safe to share.
class Encoder {
 public:
  virtual ~Encoder() = default;

  const ModelConfig& config() const { return config_; }
  const std::filesystem::path& path() const { return path_; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }  ///< null when the folder has none
  int64_t num_layers() const { return config_.num_layers; }
  bool has_classifier() const { return classifier_.defined(); }
  bool multi_label() const;  ///< sigmoid for each label rather than softmax over them
  int64_t max_tokens() const {
    return config_.max_positions - config_.position_offset;
  }  ///< longest text, special tokens in

  /// Ids of a text with special tokens, cut to `max_length` tokens as Hugging Face does: from the end of the text, the
  /// closing special token stays. @throws ConfigError without a tokenizer, or when max_length leaves no room for text.
  TokenIds encode(std::string_view text, int64_t max_length) const;
  /// Ids of a whole text in windows of `length` tokens, special ones in, each beginning in the middle of the one
  /// before; the last may be shorter. The first is encode(text, length), and the only one of a text that is no longer.
  /// @throws as encode()
  std::vector<TokenIds> windows(std::string_view text, int64_t length) const;

  /// Output of the last block, [N, D] float32.
  /// @throws ConfigError for an empty text or one longer than max_tokens(); ShapeError for ids or types outside their
  /// tables.
  Tensor hidden(const EncoderBatch& batch, EncoderHook* hook = nullptr) const;
  /// Input of the last linear layer, [texts, D]: of each text's first token, or the mean of its tokens, a linear layer
  /// and an activation, in some families normed.
  /// @throws ConfigError without a classifier.
  Tensor features(const EncoderBatch& batch, const Tensor& hidden) const;
  Tensor logits(const Tensor& features) const;       ///< [texts, labels]
  Tensor probabilities(const Tensor& logits) const;  ///< softmax or sigmoid, see multi_label()

 protected:
  /// Takes the embeddings, the linear layers of all blocks and the head; a family adds its norms and whatever else it
  /// has.
  Encoder(const ModelConfig& config, const Weights& weights);
  virtual Tensor block(Tensor x, const BlockContext& context) const = 0;  ///< [N, D] -> [N, D]
  virtual Tensor final_norm(const Tensor& x) const { return x; }

  ModelConfig config_;
  std::vector<BlockLinears> linears_;  // [num_layers]

 private:
  friend std::shared_ptr<const Encoder> open_encoder(const std::filesystem::path&, const InferenceOptions&);
  Tensor embed(const EncoderBatch& batch) const;
  BlockContext context(int64_t layer, const nn::Pass& pass, const nn::RotaryTable& full,
                       const nn::RotaryTable& local) const;

  nn::Activation activation_;
  nn::Rotary rotary_, local_rotary_;         // of full and of sliding layers; of no width where nothing rotates
  nn::Embedding words_, positions_, types_;  // the latter undefined where the family has none
  nn::Linear widening_;                      // undefined where embeddings are as wide as the states
  nn::LayerNorm embeddings_norm_;
  nn::Linear features_, classifier_;  // undefined in a bare encoder
  nn::LayerNorm head_norm_;           // likewise, and in families without
  std::filesystem::path path_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

/// An activation by its name in the config of a head, in place on float32 rows: "tanh", or one that blocks have.
Tensor head_activation(Tensor x, const std::string& name, const std::string& source);

/// Mean over the tokens of each text (special tokens in, as in sentence-transformers), [texts, D], in double sums.
/// @param normalise  divide each row by its L2 length. Reimers & Gurevych 2019, arXiv:1908.10084.
Tensor mean_pool(const EncoderBatch& batch, const Tensor& hidden, bool normalise);

/// A Hugging Face folder of an encoder, with or without a classification head; tensor names with and without the
/// family's prefix.
/// @throws ConfigError for another family, naming it and those that are supported; FormatError for malformed files.
std::shared_ptr<const Encoder> open_encoder(const std::filesystem::path& path, const InferenceOptions& options = {});

}  // namespace limpid
