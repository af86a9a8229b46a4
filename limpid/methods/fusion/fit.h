#pragma once

#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/methods/fusion/readout.h"
#include "limpid/models/model.h"

/// `limpid fit fusion`: from a target and a calibrator to a detoxifier file. No gradient steps on the target.
namespace limpid::fusion {

/// Final states of two models on the same texts at positions where both have read the same bytes.
struct StatePairs {
  Tensor C, T;                          ///< [N, D1], [N, D2] float32, the calibrator's and the target's
  int64_t fit = 0;                      ///< the first `fit` pairs make the map; the rest, from other texts, test it
  size_t texts = 0, skipped_texts = 0;  ///< skipped: a tokenizer changed their bytes
};
/// Reads texts with both models and keeps pairs of their states.
/// @param pairs  how many at most; their last tenth, from the beginning of a text on, is held out
/// @throws ConfigError when the texts give fewer than two pairs on either side.
StatePairs collect_pairs(const Model& target, const Model& calibrator, std::vector<std::string> texts, int64_t pairs,
                         int64_t max_tokens, uint64_t seed, Watch& watch = unwatched());

/// Returns the positions (index into `target`, index into `calibrator`) after which both have read the same bytes of
/// one text, at most one pair for each number of bytes, none before the first byte. Empty when the two spell different
/// bytes.
std::vector<std::pair<int64_t, int64_t>> aligned_positions(const Tokenizer& target_tokenizer,
                                                           std::span<const TokenId> target,
                                                           const Tokenizer& calibrator_tokenizer,
                                                           std::span<const TokenId> calibrator);

/// Writes fit.output and returns its settings (with what was measured of the map under "align").
/// @throws ConfigError where read-out, alignment and models do not fit together, naming what would (ridge).
Json fit_fusion(const Model& target, const FusionFit& fit, Watch& watch = unwatched());

}  // namespace limpid::fusion
