#pragma once

#include <optional>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/data/pairs.h"

/// Options of `limpid fit profs`. No LibTorch here: the command line binds to these structs.
namespace limpid::profs {

struct ProfsFit {
  fs::path output;
  std::vector<SteeringPair> pairs;
  int64_t k = 0;  ///< dimensions of each subspace; 0: the paper's, 10, or 2 where the feed-forward is not gated
  int64_t first_layer = -1,
          last_layer = -1;   ///< inclusive; -1: from 0.45 L on, near where the paper's ranges begin, and to the end
  int64_t max_tokens = 128;  ///< of a text; what is longer loses its end
  std::optional<float> strength;
  uint64_t seed = 1;  ///< that drew the pairs, for the record
  Json provenance = Json::object();
};

}  // namespace limpid::profs
