#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/data/labelled_text.h"
#include "limpid/scorers/quality.h"
#include "limpid/scorers/scorer_file.h"

/// `limpid train scorer`: a logistic head on a frozen sentence encoder.
namespace limpid {

struct ScorerTraining {
  std::string encoder = "minilm-l6";  ///< a pulled name; the scorer file finds the encoder by it again
  std::vector<int64_t> stages;        ///< what the head sees, ScorerFeatures; empty: the last layer only
  int64_t max_length = 96;
  double C = 10.0;                  ///< inverse strength of the L2 penalty, as in scikit-learn
  double holdout = 0.1;             ///< share of the training rows held out when no held-out rows are given
  std::optional<double> threshold;  ///< none: break-even on the held-out texts
  std::string licence;              ///< a note for the file
  uint64_t seed = 1;
  Precision precision = Precision::BF16;  ///< of the encoder
};

/// Features of texts, [texts, F] row by row; rows of texts without a token are zero.
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
