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

/// Encodes texts and visits them in batches of similar length, longest first, so that memory peaks at once and not at
/// the end. Texts without a token beside the special ones are not visited.
/// @param visit  `text[i]` is the index in `texts` of the batch's text i
void for_each_batch(const Encoder& encoder, std::span<const std::string> texts, int64_t max_length,
                    const std::function<void(const EncoderBatch& batch, std::span<const size_t> text)>& visit);

}  // namespace limpid
