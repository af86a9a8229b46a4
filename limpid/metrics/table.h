#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "limpid/metrics/statistics.h"

/// Tables that read well in a terminal and in a Markdown file, and the same rows as JSON.
///
///   | method        |               EMT |    PPL |
///   | :------------ | ----------------: | -----: |
///   | plain         | .535 [.461, .607] |  18.52 |
namespace limpid {

/// Returns `value` with `digits` after the point; "-" when it is not finite. Numbers below 1 lose their leading zero on
/// request.
std::string format_number(double value, int digits, bool leading_zero = true);

/// Returns ".312 [.281, .344]"; without an interval when its ends are not finite.
std::string format_interval(double value, const Interval& interval, int digits, bool leading_zero = false);

class Table {
 public:
  enum class Align { kLeft, kRight };

  /// Adds a column; to be called before the first row. @param key  name in JSON; the title when empty.
  Table& column(std::string title, Align align = Align::kRight, std::string key = "");

  /// Adds a row of cells to show. @param values  what JSON gets for each cell; the shown text when empty.
  /// @throws ShapeError when the number of cells is not that of the columns.
  Table& row(std::vector<std::string> cells, std::vector<Json> values = {});

  std::string to_markdown() const;  ///< aligned; ends with a newline. `|` and line breaks in cells are made harmless
  /// Returns <table> without attributes; cells to the right have the class "right" and may break in front of an
  /// interval.
  std::string to_html() const;
  Json to_json() const;  ///< [{key: value, …}, …]

 private:
  struct Column {
    std::string title, key;
    Align align;
  };
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::vector<Json>> values_;
};

/// Returns the columns a text takes on a terminal, roughly: code points that are not combining marks, East Asian wide
/// ones twice.
size_t display_width(const std::string& text);

}  // namespace limpid
