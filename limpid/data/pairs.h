#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limpid/data/text_data.h"

/// Steering pairs: a toxic and a neutral text of the same meaning (docs/methods.md, Steering pairs).
namespace limpid {

struct SteeringPair {
  std::string toxic, neutral;
};

/// Returns `text` without spaces and full stops at both ends, as the release cuts its texts.
std::string trimmed_pair_text(const std::string& text);

/// Reads rows {"toxic", "neutral"}; other names by `toxic=COLUMN` and `neutral=COLUMN`, conditions as in text_data.h.
/// Texts are trimmed; rows where a text is missing or empty are passed over.
/// @throws ConfigError when no pair is left; FormatError "FILE:LINE: …".
std::vector<SteeringPair> read_pairs(const DataOptions& options);

/// Draws `count` pairs at random (all, when there are no more), in drawn order. The same seed draws the same pairs.
std::vector<SteeringPair> draw_pairs(std::vector<SteeringPair> pairs, size_t count, uint64_t seed);

}  // namespace limpid
