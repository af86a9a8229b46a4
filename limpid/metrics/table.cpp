#include "limpid/metrics/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "limpid/metrics/plots/svg.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {
namespace {

/// Returns the next code point of UTF-8 and moves `offset` behind it; a byte that begins none counts as one.
uint32_t next_code_point(const std::string& text, size_t& offset) {
  const auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t(0); };
  const uint8_t lead = byte(offset++);
  const int more = (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0);
  uint32_t code = more == 0 ? lead : lead & (0x3Fu >> more);
  for (int i = 0; i < more && (byte(offset) & 0xC0) == 0x80; ++i) code = code << 6 | (byte(offset++) & 0x3Fu);
  return code;
}

bool is_combining(uint32_t code) {
  return (code >= 0x300 && code < 0x370) || code == 0x200D || (code >= 0xFE00 && code < 0xFE10);
}

bool is_wide(uint32_t code) {
  return (code >= 0x1100 && code < 0x1160) || (code >= 0x2E80 && code < 0xA4D0) || (code >= 0xAC00 && code < 0xD7A4) ||
         (code >= 0xF900 && code < 0xFB00) || (code >= 0xFF00 && code < 0xFF61) || (code >= 0x1F300 && code < 0x1FA00);
}

std::string harmless(const std::string& cell) {
  std::string out;
  for (char c : cell) {
    if (c == '|')
      out += "\\|";
    else
      out += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  }
  return out;
}

std::string padded(const std::string& cell, size_t width, Table::Align align) {
  const std::string space(width - std::min(width, display_width(cell)), ' ');
  return align == Table::Align::kLeft ? cell + space : space + cell;
}

}  // namespace

std::string format_number(double value, int digits, bool leading_zero) {
  if (!std::isfinite(value)) return "-";
  char buffer[512];  // the largest double has 309 digits before the point
  std::snprintf(buffer, sizeof buffer, "%.*f", std::clamp(digits, 0, 17), value);
  std::string text = buffer;
  if (text.starts_with("-") && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);  // no "-0.00"
  if (!leading_zero && digits > 0) {
    if (text.starts_with("0."))
      text.erase(0, 1);
    else if (text.starts_with("-0."))
      text.erase(1, 1);
  }
  return text;
}

std::string format_interval(double value, const Interval& interval, int digits, bool leading_zero) {
  std::string text = format_number(value, digits, leading_zero);
  if (!std::isfinite(value) || !std::isfinite(interval.low) || !std::isfinite(interval.high)) return text;
  return text + " [" + format_number(interval.low, digits, leading_zero) + ", " +
         format_number(interval.high, digits, leading_zero) + "]";
}

size_t display_width(const std::string& text) {
  size_t width = 0;
  for (size_t offset = 0; offset < text.size();) {
    const uint32_t code = next_code_point(text, offset);
    if (!is_combining(code)) width += is_wide(code) ? 2 : 1;
  }
  return width;
}

Table& Table::column(std::string title, Align align, std::string key) {
  LIMPID_CHECK(rows_.empty(), ShapeError, "[table] column \"", title, "\" comes after the first row");
  if (key.empty()) key = title;
  columns_.push_back({std::move(title), std::move(key), align});
  return *this;
}

Table& Table::row(std::vector<std::string> cells, std::vector<Json> values) {
  LIMPID_CHECK(cells.size() == columns_.size() && (values.empty() || values.size() == cells.size()), ShapeError,
               "[table] a row of ", cells.size(), " cells and ", values.size(), " values, expected ", columns_.size());
  if (values.empty()) values.assign(cells.begin(), cells.end());
  rows_.push_back(std::move(cells));
  values_.push_back(std::move(values));
  return *this;
}

std::string Table::to_markdown() const {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) lines[0].push_back(harmless(column.title));
  for (const auto& row : rows_) {
    lines.emplace_back();
    for (const std::string& cell : row) lines.back().push_back(harmless(cell));
  }
  std::vector<size_t> widths(columns_.size(), 3);
  for (const auto& line : lines)
    for (size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], display_width(line[c]));
  std::string out;
  for (size_t l = 0; l < lines.size(); ++l) {
    for (size_t c = 0; c < columns_.size(); ++c) out += "| " + padded(lines[l][c], widths[c], columns_[c].align) + " ";
    out += "|\n";
    if (l > 0) continue;
    for (size_t c = 0; c < columns_.size(); ++c) {
      const std::string dashes(widths[c] - 1, '-');
      out += columns_[c].align == Align::kLeft ? "| :" + dashes + " " : "| " + dashes + ": ";
    }
    out += "|\n";
  }
  return out;
}

std::string Table::to_html() const {
  const auto line = [&](const std::vector<std::string>& cells, const char* tag) {
    std::string out = "<tr>";
    for (size_t c = 0; c < cells.size(); ++c) {
      const bool right = columns_[c].align == Align::kRight;
      const std::string cell = svg::escape(cells[c]);
      out += concat("<", tag, right ? " class=\"right\">" : ">", right ? replace_all(cell, " [", " <wbr>[") : cell,
                    "</", tag, ">");
    }
    return out + "</tr>\n";
  };
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  std::string out = "<table>\n" + line(titles, "th");
  for (const auto& row : rows_) out += line(row, "td");
  return out + "</table>\n";
}

Json Table::to_json() const {
  Json list = Json::array();
  for (const auto& row : values_) {
    Json object = Json::object();
    for (size_t c = 0; c < columns_.size(); ++c) object[columns_[c].key] = row[c];
    list.push_back(std::move(object));
  }
  return list;
}

}  // namespace limpid
