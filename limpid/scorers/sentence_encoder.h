#pragma once

#include <memory>
#include <string>
#include <vector>

#include "limpid/models/encoder.h"
#include "limpid/scorers/text_batches.h"

/// Texts as vectors of one length, whose products are their likeness.
namespace limpid {

/// A sentence encoder: the mean over the tokens of its last states, divided by its length. A text has the same bits
/// alone and among others. Immutable and safe to share.
class SentenceEncoder {
 public:
  SentenceEncoder(std::string name, std::shared_ptr<const Encoder> encoder, int64_t max_tokens);

  const std::string& name() const { return name_; }
  int64_t width() const { return encoder_->config().hidden_size; }
  int64_t vocab_size() const { return encoder_->config().vocab_size; }
  int64_t max_tokens() const { return max_tokens_; }  ///< longest text, special tokens in
  /// Returns the ids of a text, special ones in, however many there are.
  TokenIds encode(const std::string& text) const { return encoder_->tokenizer()->encode(text, /*add_special=*/true); }

 private:
  friend class Embedding;
  std::string name_;
  std::shared_ptr<const Encoder> encoder_;
  int64_t max_tokens_;
};

/// The vectors of some texts in the making, in parts, as a Scoring (scorer.h).
class Embedding {
 public:
  /// @param texts  ids of each, 1 to max_tokens()
  /// @throws ConfigError for a text of another length, ShapeError for an id outside the vocabulary.
  Embedding(std::shared_ptr<const SentenceEncoder> encoder, std::vector<TokenIds> texts);

  /// Reads texts of `max_tokens` together, at least one. Returns whether all have been read.
  /// @throws Error when the numbers of a text left float32.
  bool step(int64_t max_tokens);
  /// Vectors in the order of the texts, [texts][width], of length 1, once step() has returned true.
  const std::vector<std::vector<float>>& vectors() const { return vectors_; }

 private:
  std::shared_ptr<const SentenceEncoder> encoder_;
  TextBatches batches_;
  std::vector<std::vector<float>> vectors_;
};

/// Opens a sentence encoder by its pulled name or its folder.
/// @param precision  exact where a vector is to be the published one
/// @throws ConfigError for what is no encoder, has no tokenizer, or pools otherwise than by the mean; IoError for a
/// name that is not pulled; FormatError for malformed files.
std::shared_ptr<const SentenceEncoder> open_sentence_encoder(const std::string& name,
                                                             Precision precision = Precision::Exact);

}  // namespace limpid
