#pragma once

#include <optional>

#include "limpid/core/watch.h"
#include "limpid/evaluation/evaluate.h"
#include "limpid/evaluation/tune.h"
#include "limpid/methods/detox_spec.h"

/// `limpid tune`: the search of tune.h over a detoxifier's strength, each ratio measured by an evaluation. The seed is
/// the same for every strength, so that the runs are paired draw by draw.
namespace limpid {

struct TuneOutcome {
  TuneResult result;
  Json json;             ///< contents of output/tune.json
  std::string markdown;  ///< the curve as a table
  std::string wanted;    ///< "ppl <= 1.05 of plain, 95 % of ordinary answers as plain's"
  std::string failure;   ///< what was tried, where no strength has that
};

/// Returns the ratio of the target's metric, perplexity under the first judge. @throws ConfigError when there is none
/// for plain.
double target_ratio(const TuneTarget& target, const SettingResult& plain, const SettingResult& setting);

/// Runs evaluations into plan.output, one strength at a time, plain once; what lies there already is not run again.
/// Writes tune.json beside report.json, also when no strength meets the target: "strength" is null then.
/// - The whole: {"target", "detoxifier", "options", "strength", "monotone", "plain", "curve"}.
/// - "target": {"kind", "metric", "limit"}; "plain": {"emt", "mean", "ppl"}.
/// - With a second budget: "ordinary_budget", and in each point "ordinary": {"identical": share, "met"}.
/// - Each point of "curve": {"strength", "ratio", "emt", "mean", "ppl", "against_plain"}; the last holds
///   {"difference", "bootstrap_95"} for each of "emt", "mean" and "ppl".
/// @param plan     without settings
/// @param spec     its strength, where given, is where the search starts; else the detoxifier's default
/// @param options  its start is not read; its largest strength is held to the detoxifier's range
/// @param ordinary_budget  a second budget, for plans with ordinary prompts: at least this share of their answers stays
/// plain's, token for token. A strength that misses it does not meet the target, whatever its ratio.
TuneOutcome tune_detoxifier(EvaluationPlan plan, const DetoxSpec& spec, const TuneTarget& target, TuneOptions options,
                            Watch& watch = unwatched(), std::optional<double> ordinary_budget = std::nullopt);

/// Checks that write_tuned() can write there: before the search rather than after it. @throws ConfigError for a
/// control, which has no file, when `output` is the file itself, and when a model that it needs would not be below its
/// folder.
void check_tuned_output(const fs::path& output, const DetoxSpec& spec);

/// Writes a copy of spec.file whose default strength is the found one, with `json` as settings.tune. Options of the
/// spec that the file has a default for (readout, rule, positions) become its defaults, since the strength was found
/// with them.
/// @return  the other options, "gate=middle&layers=5-20", which the strength belongs to and the file cannot hold;
/// mostly empty
/// @throws ConfigError as check_tuned_output().
std::string write_tuned(const fs::path& output, const DetoxSpec& spec, double strength, const Json& json);

}  // namespace limpid
