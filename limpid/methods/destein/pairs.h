#pragma once

#include <string>
#include <vector>

#include "limpid/methods/activations.h"
#include "limpid/training/text_data.h"

/// Steering pairs: a toxic and a neutral text of the same meaning (methods.md 3.2).
namespace limpid {

struct SteeringPair {
  std::string toxic, neutral;
};

/// Without spaces and full stops at both ends, as the release cuts its texts.
std::string trimmed_pair_text(const std::string& text);

/// Rows {"toxic", "neutral"}; other names by `toxic=COLUMN` and `neutral=COLUMN`, conditions as in text_data.h.
/// Texts are trimmed; rows where a text is missing or empty are passed over.
/// @throws ConfigError when no pair is left; FormatError "FILE:LINE: …".
std::vector<SteeringPair> read_pairs(const DataOptions& options);

/// `count` of them at random (all, when there are no more), in drawn order. The same seed draws the same pairs.
std::vector<SteeringPair> draw_pairs(std::vector<SteeringPair> pairs, size_t count, uint64_t seed);

/// How a text is put before the model.
struct PairFraming {
  bool prefixes = true;      ///< behind a sentence that says what follows, as in the paper
  bool chat = false;         ///< that sentence as a user turn of the model's chat template, the text as the answer to it
  int64_t window = 8;        ///< the last so many positions are averaged over; 0: all of the text, none of its prefix
};
inline constexpr const char* kToxicPrefix = "The following text is abusive, harmful, negative, obscene, racist, rude and toxic: ";
inline constexpr const char* kNeutralPrefix = "The following text is kind, polite, positive, respectful and supportive: ";

/// The texts as ids with the positions to average over: all toxic ones, then all neutral ones.
std::vector<PooledText> framed_texts(const Tokenizer& tokenizer, const std::vector<SteeringPair>& pairs, const PairFraming& framing);

}  // namespace limpid
