#pragma once

#include "limpid/methods/gate/recorded_texts.h"
#include "limpid/metrics/logistic.h"

namespace limpid::gate {

/// Probes of the context, w . h + b: how much a step looks like those of toxic texts.
struct Probes {
  LogisticModel whole;                      ///< fitted on all texts
  std::vector<std::vector<double>> unseen;  ///< margins of every text's steps, each by a probe that has not seen it
  Json report;                              ///< {"fit"}, and of Calibrate::Polar {"scalariser", "sources"}
};

/// Fits the probes. Calibrate::Logistic learns one label of a text: 1 of what toxic prompts led to and of what became
/// toxic, 0 of everyday answers; nothing of ordinary continuations of web text, which may be either. Calibrate::Polar
/// agrees with the votes of all sources (recorded_texts.h); the first scorer's stand in for gold labels on a fold
/// apart, by which it stops. Steps are learned from as one example each.
/// @param sources  their names, in the order of the votes
Probes fit_probes(const std::vector<RecordedText>& texts, const std::vector<std::string>& sources,
                  const GateOptions& options, Watch& watch);

}  // namespace limpid::gate
