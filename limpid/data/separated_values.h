#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/json.h"

/// Tables of values with a separator between them, as RFC 4180 has csv: a field in double quotes may hold separators
/// and line breaks, and a double quote twice.
namespace limpid {

struct TableHeader {
  char separator = ',';
  std::vector<std::string> names;
};

/// Returns the header of a table; nothing where the text is none. By its name (.csv, .tsv) a file is always a table;
/// another is one when its first line is names with a comma, tab or semicolon between them, one of `texts` among them.
/// @param ending  of the file's name: ".csv"
std::optional<TableHeader> table_header(std::string_view text, const std::string& ending,
                                        const std::vector<std::string>& texts);

/// Calls `visit` for each row behind the header, as an object. Cells of the columns `texts` and quoted ones are texts;
/// of the others a number is a number and an empty cell null.
/// @throws FormatError "FILE:LINE: …" for a row with more or fewer fields than the header, or a quote that does not
/// close.
void for_each_table_row(std::string_view text, const TableHeader& header, const std::vector<std::string>& texts,
                        const std::string& source, const std::function<void(Json row, size_t line)>& visit);

}  // namespace limpid
