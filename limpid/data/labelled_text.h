#pragma once

#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/data/text_data.h"

/// Texts that people judged: what scorers are trained and measured on.
namespace limpid {

struct LabelledText {
  std::string text;
  double label = 0.0;  ///< toxicity in [0, 1]; most data says 0 or 1
  std::string source;  ///< column `source` where the file has it, else the file's name

  bool toxic() const { return label >= 0.5; }
};

struct LabelledData {
  std::vector<LabelledText> rows;
  Json files = Json::array();  ///< what was read: path as given, SHA-256, rows kept
};

/// Reads jsonl rows {"text", "label"} and plain text. Entries of `options.files` are PATH[?key=value&…] as in
/// text_data.h (text=COLUMN, conditions on other columns) and besides
/// - label=COLUMN: the column with the label, a number in [0, 1]; also NAME=COLUMN in `options.fields`. A row where it
///   is null is left out.
/// - as=toxic|safe: the label of every row, for files without one.
/// - take=N: only N rows, drawn at random.
/// @param seed  of the draws
/// @throws ConfigError for keys that make no sense or when no row is left; FormatError "FILE:LINE: …" for a bad label;
/// IoError.
LabelledData read_labelled(const DataOptions& options, uint64_t seed = 1);

/// Drops rows of `data` whose text is in `held_out`, or earlier in `data`, compared without case, punctuation and
/// spacing. Non-ASCII letters count as they are. @return how many were dropped
size_t remove_duplicates(LabelledData& data, const LabelledData& held_out);

}  // namespace limpid
