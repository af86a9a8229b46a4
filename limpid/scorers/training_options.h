#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/kernels/linear.h"

/// Settings of `limpid train scorer`. No LibTorch here: the command line binds to these structs.
namespace limpid {

struct ScorerTraining {
  std::string encoder = "minilm-l6";  ///< a pulled name; the scorer file finds the encoder by it again
  std::vector<int64_t> stages;        ///< stages the head sees, ScorerFeatures; empty: the last layer only
  int64_t max_length = 96;
  double C = 10.0;                  ///< inverse strength of the L2 penalty, as in scikit-learn
  double holdout = 0.1;             ///< share of the training rows held out when no held-out rows are given
  std::optional<double> threshold;  ///< none: break-even on the held-out texts
  std::string licence;              ///< a note for the file
  uint64_t seed = 1;
  kernels::Precision precision = kernels::Precision::BF16;  ///< precision of the encoder
};

}  // namespace limpid
