#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/training/text_data.h"

/// Texts that people judged: what scorers are trained and measured on.
namespace limpid {

struct LabelledText {
  std::string text;
  double label = 0.0;          ///< toxicity in [0, 1]; most data says 0 or 1
  std::string source;          ///< column `source` where the file has it, else the file's name

  bool toxic() const { return label >= 0.5; }
};

struct LabelledData {
  std::vector<LabelledText> rows;
  Json files = Json::array();  ///< what was read: path as given, SHA-256, rows kept
};

/// Reads jsonl rows {"text", "label"} and plain text. Entries of `options.files` are PATH[?key=value&…] as in text_data.h
/// (text=COLUMN, conditions on other columns) and besides
///   label=COLUMN    column with the label, a number in [0, 1]; also NAME=COLUMN in `options.fields`. Rows where it is null go
///   as=toxic|safe   the label of every row, for files without one
///   take=N          only N rows, drawn at random
/// @param seed  of the draws
/// @throws ConfigError for keys that make no sense or when no row is left; FormatError "FILE:LINE: …" for a bad label; IoError.
LabelledData read_labelled(const DataOptions& options, uint64_t seed = 1);

/// Drops rows of `data` whose text is in `held_out`, or earlier in `data`, compared without case, punctuation and spacing.
/// Non-ASCII letters count as they are. @return how many were dropped
size_t remove_duplicates(LabelledData& data, const LabelledData& held_out);

/// How a scorer does on labelled texts.
struct ScorerQuality {
  size_t texts = 0, toxic = 0;
  double auc = 0.0;                              ///< NaN when all have one label
  double average_precision = 0.0;                ///< NaN without a toxic text
  double flagged = 0.0;                          ///< share of scores above the threshold
  double false_positive_rate = 0.0;              ///< the same among texts that are not toxic
  double recall = 0.0;                           ///< the same among texts that are toxic
  std::optional<double> correlation;             ///< Pearson's, with labels that are shares rather than 0 and 1
};

/// @param scores  one for each row. @throws ShapeError otherwise.
ScorerQuality measure(const std::vector<LabelledText>& rows, const std::vector<double>& scores, double threshold);

/// The same by source ("" is all of them), sources with at least one text.
std::vector<std::pair<std::string, ScorerQuality>> measure_by_source(const std::vector<LabelledText>& rows,
                                                                     const std::vector<double>& scores, double threshold);
Json to_json(const ScorerQuality& quality);

/// The threshold at which as many texts are flagged as are toxic, so that precision equals recall: midway between the scores
/// on both sides. @throws ConfigError when the texts have one label.
double break_even_threshold(const std::vector<LabelledText>& rows, const std::vector<double>& scores);

}  // namespace limpid
