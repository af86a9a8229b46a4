#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "limpid/models/encoder.h"

/// Batches of texts for an encoder, by length.
namespace limpid {

/// Most tokens of one forward pass; a single text may be longer.
inline constexpr int64_t kBatchTokens = 2048;

/// Texts in batches of similar length, longest first, so that memory peaks at once and not at the end.
class TextBatches {
 public:
  /// @param texts  ids of each, special ones in
  explicit TextBatches(std::vector<TokenIds> texts);

  struct Batch {
    EncoderBatch tokens;
    std::span<const size_t>
        text;  ///< text[i] is the place in `texts` of the batch's text i; as long as the batches live
  };
  bool done() const { return next_ == order_.size(); }
  /// Returns the next texts that have `max_tokens` together, at least one.
  Batch next(int64_t max_tokens = kBatchTokens);

 private:
  std::vector<TokenIds> texts_;
  std::vector<size_t> order_;
  size_t next_ = 0;
};

/// Encodes the beginnings of texts and visits them in batches. Texts without a token beside the special ones are not
/// visited.
/// @param visit  `text[i]` is the index in `texts` of the batch's text i
void for_each_batch(const Encoder& encoder, std::span<const std::string> texts, int64_t max_length,
                    const std::function<void(const EncoderBatch& batch, std::span<const size_t> text)>& visit);

}  // namespace limpid
