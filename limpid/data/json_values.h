#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/json.h"

/// JSON values found in a text before any is parsed, so that of a large list one value is in memory at a time.
namespace limpid {

/// Returns where the value that begins with `text`'s bracket at `begin` ends; nothing where its brackets or a string do
/// not close.
std::optional<size_t> end_of_value(std::string_view text, size_t begin);

/// Calls `visit` for each value of a list, or for each of the values that stand one behind another.
/// @param begin   of the list, at its bracket, or of the first value
/// @param source  the file, for errors
/// @throws FormatError "FILE:LINE: …" where a value, a comma or the end of the list is missing.
void for_each_value(std::string_view text, size_t begin, const std::string& source,
                    const std::function<void(std::string_view value, size_t line)>& visit);

/// Returns the number of rows where an object holds columns: every value a list, or an object with the keys "0", "1", …
/// as pandas writes them, all of one length. Lists that belong to a row (ids, generations, messages, …) are lists of
/// lists in columns.
std::optional<size_t> count_column_rows(const Json& object);

/// Returns row `index` of an object of columns.
Json column_row(const Json& columns, size_t index);

}  // namespace limpid
