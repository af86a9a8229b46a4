#pragma once

#include <array>
#include <string>
#include <vector>

#include "limpid/data/generations.h"
#include "limpid/metrics/bootstrap.h"

/// dist-n: how many different n-grams a prompt's continuations have, by three definitions that are not comparable.
/// - dist-n_i = #distinct n-grams / #words over the pooled continuations of prompt i, the same denominator for every n
/// - dist-n = mean_i dist-n_i
///
/// A text is split on single spaces, so a leading space yields an empty first word and an empty text is one empty word;
/// n-grams never cross texts. Source: Li et al. 2016 (arXiv:1510.03055) as coded in DExperts; docs/methods.md,
/// Diversity. The authors join words with "_" before they compare; we compare the words themselves, which differs only
/// for words that hold "_".
namespace limpid {

inline constexpr size_t kMaxDistN = 3;

/// Counts of the texts of one pool; index 0 is for single words.
struct NgramCounts {
  size_t words = 0;
  std::array<size_t, kMaxDistN> ngrams{}, distinct{};
};

NgramCounts count_ngrams(const std::vector<std::string>& texts);

struct DistReport {
  std::vector<double> per_prompt;   ///< continuations only; NaN for a prompt without any continuation
  Estimate value;                   ///< mean over prompts that have continuations
  double prompt_plus_continuation;  ///< UniDetox: prompt and continuation are one text; lower for every n
  double corpus;                    ///< Toxification Reversal: distinct over all prompts / number of n-grams
};

struct DiversityReport {
  std::array<DistReport, kMaxDistN> dist;
};

DiversityReport measure_diversity(const std::vector<GenerationRow>& rows, const BootstrapOptions& options = {});

/// Returns {"dist1": {"value", "standard_error", "normal_95", "bootstrap_95"}, "dist1_prompt_plus_continuation",
/// "dist1_corpus", …}
Json to_json(const DiversityReport& report);

}  // namespace limpid
