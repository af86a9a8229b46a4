#pragma once

#include <functional>
#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/json.h"

/// Text data as people have it (data/rows.h): rows with {"text"} or {"prompt", "completion"}, or plain text lines.
namespace limpid {

/// The command line's choice of data.
/// - files: a path or a name (data/named_data.h), or PATH?key=value&…, where `prompt`, `completion` and `text` name
/// columns of this file and every
///   other key is a condition on its rows, so that files of different make can be mixed:
///   dialogues.jsonl?completion=safe&source=a|b and pairs.jsonl?text=neutral.
/// - where: conditions KEY=VALUE or KEY=A|B on the rows of every file; all must hold. Values compare as text, numbers
///   also by value (label=0 holds for 0 and 0.0); null matches nothing, and so does a row without the key.
/// - fields: NAME=COLUMN for prompt, completion and text in every file.
/// - text_columns: further columns that hold text, which a reader of its own looks at.
struct DataOptions {
  std::vector<std::string> files, where, fields, text_columns = {};
};

struct TextRow {
  std::string prompt;  ///< empty unless has_prompt
  std::string text;    ///< the completion, or the whole text
  bool has_prompt = false;
  std::string source;  ///< "FILE:LINE"
};

/// Numbers of rows kept and passed over, and why.
struct RowCounts {
  size_t kept = 0;
  size_t unmatched = 0;  ///< a condition did not hold
  size_t null = 0;       ///< the completion or text is null
  size_t empty = 0;      ///< the completion or text is empty
};

/// Calls `row` for each row that passes, in file order. `object` is the row with its columns, null for plain text. A
/// row is prompt -> completion when the column for `completion` is there or was named, else plain text.
/// @throws ConfigError for a condition or field that cannot be read, or whose key is in no row (a misspelt name);
///         FormatError "FILE:LINE: …" for malformed lines, missing columns and values that are not strings; IoError.
RowCounts for_each_text_row(const DataOptions& options,
                            const std::function<void(const TextRow& row, const Json& object)>& row);

struct TextData {
  std::vector<TextRow> rows;
  RowCounts counts;
};

/// Reads all rows into memory. @throws ConfigError when no row is left, saying how many were passed over and why.
TextData read_text_data(const DataOptions& options);

/// Returns "1,200 rows (others: 300 do not match, 12 null, 3 empty)".
std::string describe(const RowCounts& counts);

}  // namespace limpid
