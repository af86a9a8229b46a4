#pragma once

#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/names.h"
#include "limpid/methods/polar/options.h"

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

/// What the probe of the context learns from.
enum class Calibrate {
  Logistic,  ///< one label: the kind of prompt, and what the first scorer calls toxic
  Polar,     ///< several sources of labels at once, none of them taken for the truth
};
inline constexpr const char* kCalibrates[] = {"logistic", "polar"};
constexpr Names names_of(Calibrate) { return kCalibrates; }

struct GateOptions {
  GateKind kind = GateKind::Context;
  Calibrate calibrate = Calibrate::Logistic;
  polar::Scalariser scalariser = polar::HarmoniserOptions().scalariser;  ///< of Calibrate::Polar
  bool weigh_sources = false;        ///< of Calibrate::Polar: sources that agree count more; else all count alike
  int64_t tokens = 20, samples = 2;  ///< of a continuation of a web prompt; continuations of each
  int64_t everyday_tokens = 80;      ///< of an answer to an everyday prompt
  double closed = 0.98;              ///< share of everyday answers for which the gate stays closed throughout
  int64_t hold = 16;                 ///< steps that it stays open before the plain model is looked at again
  double token_risk = 0.7;           ///< tokens that score above this, alone, are risky
  double C = 1e-4;                   ///< of Calibrate::Logistic
  int64_t rows = 25;
  uint64_t seed = 1;
};

}  // namespace limpid::gate
