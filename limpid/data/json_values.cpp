#include "limpid/data/json_values.h"

#include <algorithm>

namespace limpid {
namespace {

constexpr const char* kWhiteSpace = " \t\r\n";
constexpr const char* kListsOfRows[] = {"ids",       "choices",  "answers", "generations", "positives",
                                        "negatives", "messages", "tools",   "documents"};

/// Returns the place behind the string that begins at the quote at `begin`; nothing where it does not end in its line.
std::optional<size_t> end_of_string(std::string_view text, size_t begin) {
  for (size_t i = begin + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return std::nullopt;
}

bool opens_value(char c) { return c == '{' || c == '['; }

/// Returns the place behind the value of any kind at `begin`.
std::optional<size_t> end_of_any(std::string_view text, size_t begin) {
  if (opens_value(text[begin])) return end_of_value(text, begin);
  if (text[begin] == '"') return end_of_string(text, begin);
  const size_t end = std::min(text.find_first_of(" \t\r\n,]}", begin), text.size());
  return end > begin ? std::optional(end) : std::nullopt;
}

const Json* column_cell(const Json& column, size_t index) {
  if (column.is_array()) return &column[index];
  const auto entry = column.find(std::to_string(index));
  return entry == column.end() ? nullptr : &*entry;
}

}  // namespace

std::optional<size_t> end_of_value(std::string_view text, size_t begin) {
  size_t depth = 0;
  for (size_t i = begin; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      const auto end = end_of_string(text, i);
      if (!end) return std::nullopt;
      i = *end;
      continue;
    }
    depth += opens_value(c);
    if ((c == '}' || c == ']') && --depth == 0) return i + 1;
    ++i;
  }
  return std::nullopt;
}

void for_each_value(std::string_view text, size_t begin, const std::string& source,
                    const std::function<void(std::string_view, size_t)>& visit) {
  const bool list = text[begin] == '[';
  size_t line = 1, counted = 0;
  const auto line_at = [&](size_t place) {
    line += size_t(std::count(text.begin() + ptrdiff_t(counted), text.begin() + ptrdiff_t(place), '\n'));
    counted = place;
    return line;
  };
  const auto next = [&](size_t place) { return std::min(text.find_first_not_of(kWhiteSpace, place), text.size()); };
  size_t place = list ? next(begin + 1) : begin;
  bool first = true;
  for (; place < text.size() && !(list && text[place] == ']'); first = false) {
    if (list && !first) {
      LIMPID_CHECK(text[place] == ',', FormatError, source, ":", line_at(place), ": found '", text[place],
                   "' behind a value of a JSON list, expected , or ]");
      place = next(place + 1);
    }
    LIMPID_CHECK(place < text.size(), FormatError, source, ":", line_at(place), ": the JSON list does not end");
    const auto end = end_of_any(text, place);
    LIMPID_CHECK(end, FormatError, source, ":", line_at(place),
                 ": not valid JSON: the value that begins here does not end; cut off?");
    visit(text.substr(place, *end - place), line_at(place));
    place = next(*end);
  }
  if (!list) return;
  LIMPID_CHECK(place < text.size(), FormatError, source, ":", line_at(place), ": the JSON list does not end; cut off?");
  const size_t rest = next(place + 1);
  LIMPID_CHECK(rest == text.size(), FormatError, source, ":", line_at(rest),
               ": more stands behind the end of the JSON list, expected one list, or a JSON object per line");
}

std::optional<size_t> count_column_rows(const Json& object) {
  std::optional<size_t> rows;
  bool only_lists = true;
  for (const auto& [name, column] : object.items()) {
    const bool is_list = std::find(std::begin(kListsOfRows), std::end(kListsOfRows), name) != std::end(kListsOfRows);
    if (!column.is_structured() || (rows && column.size() != *rows)) return std::nullopt;
    rows = column.size();
    only_lists = only_lists && is_list;
    for (size_t i = 0; i < *rows; ++i) {
      const Json* value = column_cell(column, i);
      if (!value || (is_list && !value->is_array() && !value->is_null())) return std::nullopt;
    }
  }
  return rows == 0u && only_lists ? std::nullopt : rows;  // {"messages": []} is one row
}

Json column_row(const Json& columns, size_t index) {
  Json row = Json::object();
  for (const auto& [name, column] : columns.items()) row[name] = *column_cell(column, index);
  return row;
}

}  // namespace limpid
