#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/data/labelled_text.h"

/// Measures how well scores tell toxic texts from others.
namespace limpid {

/// Quality of a scorer on labelled texts.
struct ScorerQuality {
  size_t texts = 0, toxic = 0;
  double auc = 0.0;                   ///< NaN when all have one label
  double average_precision = 0.0;     ///< NaN without a toxic text
  double flagged = 0.0;               ///< share of scores above the threshold
  double false_positive_rate = 0.0;   ///< that share among texts that are not toxic
  double recall = 0.0;                ///< that share among texts that are toxic
  std::optional<double> correlation;  ///< Pearson's, with labels that are shares rather than 0 and 1
};

/// Measures scores against labels. @param scores  one for each row. @throws ShapeError otherwise.
ScorerQuality measure(const std::vector<LabelledText>& rows, const std::vector<double>& scores, double threshold);

/// Measures each source that has a text, by name ("" is all of them), on the same terms.
std::vector<std::pair<std::string, ScorerQuality>> measure_by_source(const std::vector<LabelledText>& rows,
                                                                     const std::vector<double>& scores,
                                                                     double threshold);
Json to_json(const ScorerQuality& quality);

/// Returns the threshold at which as many texts are flagged as are toxic, so that precision equals recall: midway
/// between the scores on both sides. @throws ConfigError when the texts have one label.
double break_even_threshold(const std::vector<LabelledText>& rows, const std::vector<double>& scores);

}  // namespace limpid
