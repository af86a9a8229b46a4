#pragma once

#include <string>

#include "limpid/core/json.h"
#include "limpid/methods/destein/options.h"
#include "limpid/methods/toxification_reversal/method.h"

/// Options of `limpid fit toxification-reversal`. No LibTorch here: the command line binds to these structs.
namespace limpid::toxification_reversal {

struct ReversalExponents {
  double norm = 0.4, similarity = 0.6;
};

struct ReversalFit {
  fs::path output;
  std::string prefix = destein::kToxicPrefix;
  ReversalExponents exponents;
  float strength = *ReversalMethod::info.strength.usual;
  Json provenance = Json::object();
};

}  // namespace limpid::toxification_reversal
