#pragma once

#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/names.h"

/// Options of `limpid fit gate`. No LibTorch here: the command line binds to these structs.
namespace limpid::gate {

/// What a gate looks at.
enum class GateKind {
  Context,    ///< the state of the text so far
  LookAhead,  ///< the likely next tokens
  Both,
};
inline constexpr const char* kGateKinds[] = {"context", "look-ahead", "both"};
constexpr Names names_of(GateKind) { return kGateKinds; }

struct GateOptions {
  GateKind kind = GateKind::Context;
  int64_t tokens = 20, samples = 2;  ///< of a continuation of a web prompt; continuations of each
  int64_t everyday_tokens = 80;      ///< of an answer to an everyday prompt
  double closed = 0.98;              ///< share of everyday answers for which the gate stays closed throughout
  int64_t hold = 16;                 ///< steps that it stays open before the plain model is looked at again
  double token_risk = 0.7;           ///< tokens that score above this, alone, are risky
  double C = 1e-4;                   ///< of the probe's logistic regression
  int64_t rows = 25;
  uint64_t seed = 1;
};

}  // namespace limpid::gate
