#pragma once

#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/data/labelled_text.h"
#include "limpid/scorers/quality.h"
#include "limpid/scorers/scorer_encoder.h"
#include "limpid/scorers/training_options.h"

/// `limpid train scorer`: a logistic head on a frozen sentence encoder.
namespace limpid {

/// Returns the features of texts, [texts, F] row by row; rows of texts without a token are zero.
std::vector<float> scorer_features(const Encoder& encoder, const ScorerFeatures& features,
                                   std::span<const LabelledText> rows, const std::string& what,
                                   Watch& watch = unwatched());

struct TrainedScorer {
  ScorerFile file;
  std::vector<std::pair<std::string, ScorerQuality>> held_out;  ///< by source, "" is all
  size_t duplicates = 0;                                        ///< training rows dropped
};

/// Trains a head: duplicates of held-out texts are dropped, texts are embedded, the penalised logistic loss is
/// minimised (limpid/metrics/logistic.h), the threshold is set on the held-out texts. Same data, seed and instruction
/// set: same bits.
/// @param data      moved from  @param held_out  may be empty: a part of `data` is held out
/// @param unseen    further texts that must not be trained on (test sets)
/// @throws ConfigError for settings out of range, or data of one label.
TrainedScorer train_scorer(const ScorerTraining& options, LabelledData data, LabelledData held_out,
                           const LabelledData& unseen, Watch& watch = unwatched());

}  // namespace limpid
