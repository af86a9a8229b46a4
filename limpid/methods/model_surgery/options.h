#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/json.h"

/// Options of `limpid fit model-surgery`. No LibTorch here: the command line binds to these structs.
namespace limpid::model_surgery {

struct SurgeryFit {
  fs::path output;
  std::vector<std::string> texts;  ///< in any order; every fifth is held out to measure the regression
  std::vector<int> labels;         ///< [texts] 1: toxic
  int64_t rows = 0;                ///< how many change; 0: the paper's share, 16384 of 32 * 11008
  int64_t max_tokens = 100;        ///< of a text; what is longer loses its end
  double C = 1.0;                  ///< inverse strength of the regression's L2 penalty
  std::optional<float> strength;
  uint64_t seed = 1;  ///< that drew the texts, for the record
  Json provenance = Json::object();
};

}  // namespace limpid::model_surgery
