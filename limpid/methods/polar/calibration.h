#pragma once

#include <span>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/metrics/scorer_quality.h"

/// How far risk scores can be taken at their word.
namespace limpid::polar {

struct Calibration {
  std::vector<ReliabilityBin> bins;  ///< equal parts of [0, 1]: mean risk and share of wrong answers
  double error = 0.0;                ///< expected calibration error: sum n_b / N |wrong - risk|
  double wrong_minus_right = 0.0;    ///< mean risk of the wrong answers, less that of the right ones
};

/// Compares risk scores with what was wrong. Scores below 1e-8 are left out, as in the release.
/// @param risks  [N] in [0, 1]    @param wrong  [N] 1 where the answer was wrong, else 0
/// @throws ShapeError when the lists differ in length.
Calibration calibration_of(std::span<const double> risks, std::span<const int> wrong, size_t bins = 10);

/// Returns {"ece", "wrong_minus_right", "bins": [{"count", "risk", "wrong"}]}.
Json to_json(const Calibration& calibration);

}  // namespace limpid::polar
