#pragma once

#include <cstdint>
#include <vector>

namespace limpid {

/// How the risks of a row's steps open and close its gate.
struct GateRule {
  double open = 0.5;   ///< a closed gate opens at this risk
  double close = 0.5;  ///< a gate that was open is opened again at this risk, at most `open`
  double full = 0.5;   ///< at least `open`; strengths are multiplied by risk / full, at most 1
  int64_t hold = 16;   ///< steps that it stays open before the plain model is looked at again
};

/// Where a row's gate opened, at the last of so many tokens, and how far.
struct GateOpening {
  int64_t position;
  float value;
};
using GateTrack = std::vector<GateOpening>;  ///< in order

}  // namespace limpid
