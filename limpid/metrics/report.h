#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "limpid/metrics/diversity.h"
#include "limpid/metrics/perplexity.h"
#include "limpid/metrics/table.h"
#include "limpid/metrics/toxicity.h"

/// Everything that can be said about one generation file, and about the difference between two of the same prompts.
namespace limpid {

struct MetricsReport {
  size_t prompts, continuations;
  size_t fewest_samples, most_samples;           ///< continuations of a prompt; EMT needs them equal to be comparable
  double empty_share;                            ///< texts that are ""
  double words_per_continuation;                 ///< runs of characters that are not white space
  double tokens_per_continuation;                ///< NaN unless every continuation has ids
  std::map<std::string, size_t> finish_reasons;  ///< where the file gives them
  ToxicityReport toxicity;
  DiversityReport diversity;
  std::optional<PerplexityReport> perplexity;  ///< where a judge was given
  Json settings;                               ///< settings the numbers depend on: threshold, counts, bootstrap
};

/// Measures one generation file.
/// @param rows    as read by read_generations().
/// @param judged  what a judge model says about each continuation, `prompt` being the place in `rows`; empty without a
/// judge.
MetricsReport compute_metrics(const std::vector<GenerationRow>& rows, const ToxicityOptions& options = {},
                              std::span<const JudgedContinuation> judged = {});

/// Returns what a person is told of scores that are missing: "scores missing (null or NaN) and left out: 1 of 8". Empty
/// where none is, and where nothing was scored.
std::string missing_scores(const MetricsReport& report);

/// Returns one flat object: the keys of ToxicityReport, DiversityReport and PerplexityReport, and those above.
Json to_json(const MetricsReport& report);

/// Returns a table with one line per report: EMT, TP, mean toxicity with 95 % intervals, perplexity, dist-n.
Table summary_table(const std::vector<std::pair<std::string, MetricsReport>>& reports);

/// One run to compare: its rows, and its judged continuations or none.
struct RunToCompare {
  const std::vector<GenerationRow>& rows;
  std::span<const JudgedContinuation> judged = {};
};

struct RunComparison {
  size_t pairs, unpaired;                 ///< prompts in both runs, in one only
  size_t pairs_with_other_sample_counts;  ///< their EMT and TP are not comparable
  /// Second minus first: emt, toxicity_probability, mean_over_prompts, share_over_prompts, dist1 … dist3, ppl (pooled).
  std::map<std::string, PairedDifference> metrics;
};

/// Pairs prompts by their text (equal texts in order). @throws MismatchError when the runs have no prompt in common.
RunComparison compare_runs(const RunToCompare& first, const RunToCompare& second, const ToxicityOptions& options = {});

Json to_json(const RunComparison& comparison);

}  // namespace limpid
