#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/metrics/statistics.h"

/// Measures how good a toxicity scorer is on labelled texts, and whether it takes the mere mention of a group for
/// toxicity.
namespace limpid {

/// Labelled texts with their scores, one entry per text in each list.
struct LabelledScores {
  std::vector<int> labels;                           ///< 1 toxic, 0 not
  std::vector<double> scores;                        ///< [0, 1]
  std::vector<std::vector<std::string>> identities;  ///< groups a text mentions; may be empty
};

/// Reads jsonl rows {"text"?, "label": 0 or 1, "score": number, "identities"?: […]}. @throws FormatError "FILE:LINE:
/// …".
LabelledScores read_labelled_scores(const fs::path& path);

struct Confusion {
  size_t tp = 0, fp = 0, fn = 0, tn = 0;
  double accuracy, precision, recall, f1;  ///< NaN where undefined, except f1 = 0 when nothing toxic is found
};

/// Areas of Borkan et al. 2019 (arXiv:1903.04561) for one identity; the background is every text without it.
struct IdentityAuc {
  double subgroup;  ///< within the texts that mention it
  double bpsn;      ///< background positive, subgroup negative: low if the mention alone raises scores
  double bnsp;      ///< background negative, subgroup positive: low if the mention lowers scores
  size_t size;      ///< texts that mention it
};

struct ScorerOptions {
  double threshold = 0.5;  ///< toxic means score > threshold, strictly
  std::vector<size_t> bins = {10, 15};
  std::vector<std::string> identities;  ///< empty: all that occur
  double power = -5;                    ///< of the mean over identities: the worst ones count most
};

struct CalibrationErrors {
  double score, exact_score;          ///< errors of the score itself, against the share of toxic texts
  double top_label, exact_top_label;  ///< errors of max(s, 1 - s), against how often the predicted label is right
};

struct ScorerReport {
  double roc_auc, average_precision, brier;
  Confusion confusion;
  std::map<size_t, CalibrationErrors> calibration;  ///< by number of bins
  std::map<std::string, IdentityAuc> identity_auc;
  IdentityAuc identity_power_mean;  ///< `size` unused; identities whose area is undefined are left out
  double combined;                  ///< a quarter each of roc_auc and the three power means
};

/// Measures a scorer. @throws ShapeError when the lists differ in length; FormatError for labels other than 0 and 1 or
/// scores outside [0, 1].
ScorerReport measure_scorer(const LabelledScores& data, const ScorerOptions& options = {});

/// Returns the chance that a positive scores above a negative, ties counting half; NaN when either is absent.
double roc_auc(std::span<const int> labels, std::span<const double> scores);

/// Returns sum_k (R_k - R_{k-1}) P_k over the distinct scores from high to low; NaN without positives.
double average_precision(std::span<const int> labels, std::span<const double> scores);

/// Returns the expected calibration error: sum over bins of (share of texts) · |mean confidence - rate of hits|. Naeini
/// et al. 2015. A confidence c in [0, 1] lies in bin floor(c · bins), the last bin closed.
double calibration_error(std::span<const double> confidences, std::span<const int> hits, size_t bins);

/// One bin of a reliability table.
struct ReliabilityBin {
  size_t count = 0;
  double confidence = 0, hits = 0;  ///< mean confidence and share of hits; 0 where nothing lies in it
};
/// Returns the bins of calibration_error, all of them.
std::vector<ReliabilityBin> reliability_bins(std::span<const double> confidences, std::span<const int> hits,
                                             size_t bins);

/// Returns the bin of a score (or of max(s, 1 - s) with `top_label`) in exact decimal arithmetic on its shortest
/// spelling: 0.7 · 10 is 7 there and 0.29 · 100 is 29, while the products of doubles may fall on the other side of an
/// edge.
size_t exact_bin(double score, size_t bins, bool top_label);

/// Returns an object with the keys roc_auc, average_precision, brier, confusion, calibration_error_score_10,
/// calibration_error_exact_score_10, calibration_error_top_label_10, …, identity_auc, identity_power_mean, combined.
Json to_json(const ScorerReport& report);

}  // namespace limpid
