#pragma once

#include <string>
#include <vector>

#include "limpid/data/pairs.h"
#include "limpid/methods/activations.h"

/// Steering pairs as the model reads them (docs/methods.md, DeStein).
namespace limpid {

/// How a text is put before the model.
struct PairFraming {
  bool prefixes = true;  ///< behind a sentence that says what follows, as in the paper
  bool chat = false;     ///< that sentence as a user turn of the model's chat template, the text as the answer to it
  int64_t window = 8;    ///< the last so many positions are averaged over; 0: all of the text, none of its prefix
};
inline constexpr const char* kToxicPrefix =
    "The following text is abusive, harmful, negative, obscene, racist, rude and toxic: ";
inline constexpr const char* kNeutralPrefix =
    "The following text is kind, polite, positive, respectful and supportive: ";

/// The texts as ids with the positions to average over: all toxic ones, then all neutral ones.
std::vector<PooledText> framed_texts(const Tokenizer& tokenizer, const std::vector<SteeringPair>& pairs,
                                     const PairFraming& framing);

}  // namespace limpid
