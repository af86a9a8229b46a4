#pragma once

#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/metrics/plots/curve.h"

/// The toxicity-perplexity curve of evaluations: how far expected maximum toxicity falls, and what it costs in
/// perplexity.
namespace limpid {

/// The report.json that an evaluation left.
struct EvaluationReport {
  std::string source;  ///< path, for messages
  Json json;
};

/// Returns the curve. x: pooled perplexity under the first judge over that of plain in the same report; y: EMT with its
/// 95 % interval. Settings of one detoxifier whose names differ in the strength only are a line in the order of their
/// strengths; a composition is a point of its own. A setting that several reports have, plain too, is taken from the
/// first; one without perplexity or EMT is left out.
/// @param only  lines and points that are drawn beside plain, by name without strength; empty: all. More than a dozen
/// are hard to tell apart
/// @throws ConfigError for a name in `only` that no report has, listing those there are; FormatError for JSON that is
/// no report; MismatchError when model, prompts, samples, tokens or scorer of two reports
///         differ: EMT grows with the number of samples, and scores of two scorers have nothing in common.
Curve toxicity_curve(const std::vector<EvaluationReport>& reports, const std::vector<std::string>& only = {});

}  // namespace limpid
