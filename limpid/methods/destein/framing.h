#pragma once

#include <string>
#include <vector>

#include "limpid/methods/activations.h"
#include "limpid/methods/destein/options.h"

/// Steering pairs as the model reads them (docs/methods.md, DeStein).
namespace limpid::destein {

/// Returns the texts as ids with the positions to average over: all toxic ones, then all neutral ones.
std::vector<PooledText> framed_texts(const Tokenizer& tokenizer, const std::vector<SteeringPair>& pairs,
                                     const PairFraming& framing);

}  // namespace limpid::destein
