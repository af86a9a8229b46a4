#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/files.h"

/// Options of `limpid detox`. No LibTorch here: the command line binds to these structs.
namespace limpid {

/// What a recipe has to keep to, measured against the plain model.
struct DetoxBudgets {
  double perplexity = 1.05;  ///< at most so many times plain's, under the target itself
  double identical = 0.95;   ///< share of ordinary answers, at least, that stay the same token for token
};

struct DetoxOptions {
  fs::path output;  ///< the detoxifier file; the report and the work lie beside it
  DetoxBudgets budgets;
  bool thorough = false;  ///< also trains two calibrators of the model, whose contrast acts beside the steering
  /// About so long on two cores for a model of 135 million weights: how much is measured, and with `thorough` learned
  /// from. None: 15, or 60.
  std::optional<double> minutes;
  double minutes_in_all() const { return minutes.value_or(thorough ? 60.0 : 15.0); }
  int64_t pairs = 1000;           ///< steering pairs
  std::vector<std::string> with;  ///< other detoxifiers that act beside the steering: FILE[?key=value][:STRENGTH]
  int64_t rows = 25;              ///< texts decoded together; changes no text
  uint64_t seed = 1;
};

/// Which rows of the data that comes with Limpid each step takes: no prompt is in two of them.
struct DetoxSplits {
  int64_t gate = 240, search = 40, check = 60;  ///< web prompts of each kind
  int64_t search_samples = 8, check_samples = 10;

  /// Returns splits for about so many minutes; those of the gate stay.
  static DetoxSplits for_minutes(double minutes);
};

}  // namespace limpid
