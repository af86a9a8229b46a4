#pragma once

#include <optional>
#include <vector>

#include "limpid/core/range.h"
#include "limpid/evaluation/detox_work.h"

/// The strengths of `limpid detox`: DeStein's, and with --thorough the contrast's.
namespace limpid {

/// Returns the recipe of a trial, written to `path` and opened as a person would.
/// @param measured  the strengths of its dial that were measured; none: not known yet
std::shared_ptr<const Detoxifier> recipe_at(const DetoxPlan& plan, const DetoxFiles& files,
                                            const DetoxStrengths& strengths, const fs::path& path,
                                            const Json& provenance,
                                            const std::optional<Range>& measured = std::nullopt);

/// Measures strengths on the search split and returns all that were tried, in their order. For each strength of the
/// contrast (without one: just once) it goes along DeStein's, upward while the budget of perplexity holds, else
/// downward until it does. The next contrast begins where the one before reached its edge.
std::vector<DetoxTrial> search_strengths(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits,
                                         Watch& watch);

/// Returns the strengths within the budgets that lower toxicity most; the weakest tried when none are.
DetoxStrengths best_strengths(const std::vector<DetoxTrial>& trials, const DetoxBudgets& budgets);

/// Returns the strengths of the dial, 1 being the chosen strengths, at which every part lies within those that were
/// tried of it; ends rounded outward to hundredths.
Range measured_dial(const std::vector<DetoxTrial>& trials, const DetoxStrengths& chosen);

}  // namespace limpid
