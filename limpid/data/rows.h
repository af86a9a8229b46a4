#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/json.h"

/// Rows of data in the forms in which people keep them. The content says which form it is, never the name alone:
/// - JSON lines: an object a line;
/// - JSON: a list of objects or of texts, one object behind another over several lines, or one object of columns,
///   {"text": ["a", "b"]} or {"text": {"0": "a", "1": "b"}};
/// - tables: csv or tsv with a header;
/// - plain lines: a text a line.
/// A byte-order mark in front is passed over. Files may be pipes or "-" (MappedFile::open_text).
namespace limpid {

/// One row. Empty texts and lines are left out, an object is handed over whatever is in it.
struct DataRow {
  Json fields;         ///< an object; null for a plain text
  std::string text;    ///< a plain text; else empty
  std::string source;  ///< "FILE:LINE", where it begins, or "FILE: row N" of columns
  /// The object as it stands in the file, with its keys in their order; empty in tables and columns. Only while the row
  /// is visited.
  std::string_view json = {};

  bool is_plain() const { return fields.is_null(); }
};

/// Calls `row` for each row of a file, in order. NaN and Infinity, as Python's json writes missing numbers, are read
/// as null.
/// @param texts  columns that hold texts: a table is known by one of them in its header, and their cells stay texts,
///               while in other columns an unquoted number is a number and an empty cell is null
/// @throws FormatError "FILE:LINE: …" for what has none of the forms or breaks its own; IoError.
void for_each_row(const fs::path& path, const std::vector<std::string>& texts,
                  const std::function<void(DataRow& row)>& row);

/// Calls `row` for each row of a file as for_each_row() does, where a plain text cannot be meant.
/// @param expected  what a row is, for the error: "{\"question\", \"choices\", \"answer\"}"
void for_each_object(const fs::path& path, const std::vector<std::string>& texts, const char* expected,
                     const std::function<void(const Json& fields, const std::string& source)>& row);

/// Calls `visit` for each line of `text` that is not blank, without its newline; lines are counted from 1.
/// A byte order mark in front of the first line and a carriage return at the end of a line are dropped.
void for_each_line(std::string_view text, const std::function<void(std::string_view line, size_t number)>& visit);

/// Parses one row as a JSON object; NaN as null. @throws FormatError for other JSON, and for nesting deeper than
/// any sane file has.
Json parse_json_line(std::string_view line, const std::string& source);

}  // namespace limpid
