#include "limpid/data/rows.h"

#include <algorithm>

#include "limpid/data/json_values.h"
#include "limpid/data/separated_values.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {
namespace {

constexpr const char* kBlank = " \t\r\n";

using RowVisit = std::function<void(DataRow& row)>;

/// Returns whether a text goes on behind its first bracket as JSON does, and not as "[Music] la la", "[ ] to do",
/// "[[link]]" or "{braces}" do.
bool begins_as_json(std::string_view text, size_t first) {
  size_t next = first, lists = 0;
  while (next != std::string_view::npos && text[next] == '[') next = text.find_first_not_of(kBlank, next + 1), ++lists;
  if (next == std::string_view::npos) return lists > 0;
  if (lists == 0 && text[next] == '{') {
    const size_t inside = text.find_first_not_of(kBlank, next + 1);
    return inside != std::string_view::npos && (text[inside] == '"' || text[inside] == '}');
  }
  if (lists == 1 && text[next] == ']') return text.find_first_not_of(kBlank, next + 1) == std::string_view::npos;
  const std::string_view values = lists > 1 ? "{\"-0123456789" : "{\"";
  return lists > 0 && values.find(text[next]) != std::string_view::npos;
}

void check_text(std::string_view text, const std::string& source) {
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 character = decode_utf8(text, offset);
    LIMPID_CHECK(character.state == Utf8State::kValid, FormatError, source, ": not valid UTF-8 at byte ", offset,
                 " of the line");
    LIMPID_CHECK(character.code != 0, FormatError, source, ": a zero byte, expected text");
    offset += character.size;
  }
}

/// One file, whose content has been looked at.
class RowReader {
 public:
  RowReader(const fs::path& path, std::string_view text, const std::vector<std::string>& texts, const RowVisit& row)
      : path_(path.string()),
        ending_(path.extension().string()),
        text_(text),
        texts_(texts),
        row_(row) {}

  void read() {
    LIMPID_CHECK(!text_.starts_with("\xFF\xFE") && !text_.starts_with("\xFE\xFF"), FormatError, path_,
                 ": is UTF-16, expected UTF-8");
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    const size_t first = text_.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return;
    if (begins_as_json(text_, first)) return text_[first] == '[' ? read_values(first) : read_objects(first);
    if (ending_ == ".jsonl" || ending_ == ".ndjson" || ending_ == ".json") return read_json_lines();
    if (const auto header = table_header(text_.substr(first), ending_, texts_)) return read_table(*header);
    for_each_line(text_, [&](std::string_view line, size_t number) { plain(line, source_at(number)); });
  }

 private:
  std::string source_at(size_t line) const { return concat(path_, ":", line); }

  void plain(std::string_view text, const std::string& source) {
    check_text(text, source);
    DataRow row{Json(), std::string(text), source};
    row_(row);
  }
  void object(Json fields, std::string source, std::string_view json = {}) {
    DataRow row{std::move(fields), "", std::move(source), json};
    row_(row);
  }

  void read_json_lines() {
    for_each_line(text_, [&](std::string_view line, size_t number) {
      object(parse_json_line(line, source_at(number)), source_at(number), line);
    });
  }

  /// Reads a list, or objects one behind another.
  void read_values(size_t first) {
    for_each_value(text_, first, path_, [&](std::string_view value, size_t line) {
      if (!value.starts_with('"')) return object(parse_json_line(value, source_at(line)), source_at(line), value);
      const auto text = parse_json(value, source_at(line)).get<std::string>();
      if (text.find_first_not_of(kBlank) != std::string::npos) plain(text, source_at(line));
    });
  }

  /// Reads what begins with an object: columns where it is the only one and is made so, objects of several lines, or
  /// lines.
  void read_objects(size_t first) {
    const auto end = end_of_value(text_, first);
    if (!end) return read_json_lines();  // whose error names the line
    const std::string_view value = text_.substr(first, *end - first);
    if (text_.find_first_not_of(kBlank, *end) != std::string_view::npos)
      return value.find('\n') == std::string_view::npos ? read_json_lines() : read_values(first);
    const auto line = 1 + size_t(std::count(text_.begin(), text_.begin() + std::ptrdiff_t(first), '\n'));
    const Json only = parse_json_line(value, source_at(line));
    const auto rows = count_column_rows(only);
    if (!rows) return object(only, source_at(line), value);
    for (size_t r = 0; r < *rows; ++r) {
      const std::string source = concat(path_, ": row ", r + 1);
      object(column_row(only, r), source);
    }
  }

  void read_table(const TableHeader& header) {
    for_each_line(text_, [&](std::string_view line, size_t number) { check_text(line, source_at(number)); });
    for_each_table_row(text_, header, texts_, path_,
                       [&](Json row, size_t line) { object(std::move(row), source_at(line)); });
  }

  const std::string path_, ending_;
  std::string_view text_;
  const std::vector<std::string>& texts_;
  const RowVisit& row_;
};

}  // namespace

void for_each_row(const fs::path& path, const std::vector<std::string>& texts, const RowVisit& row) {
  const auto file = MappedFile::open_text(path);
  RowReader(path, file->text(), texts, row).read();
}

void for_each_object(const fs::path& path, const std::vector<std::string>& texts, const char* expected,
                     const std::function<void(const Json&, const std::string&)>& row) {
  for_each_row(path, texts, [&](const DataRow& read) {
    LIMPID_CHECK(!read.is_plain(), FormatError, read.source, ": plain text, expected rows ", expected,
                 " as JSON, or a table with a header");
    row(read.fields, read.source);
  });
}

void for_each_line(std::string_view text, const std::function<void(std::string_view, size_t)>& visit) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") != std::string_view::npos) visit(line, number);
  }
}

Json parse_json_line(std::string_view line, const std::string& source) {
  Json value = parse_json_data(line, source);
  LIMPID_CHECK(value.is_object(), FormatError, source, ": found ", json_kind(value),
               ", expected a JSON object per line");
  return value;
}

}  // namespace limpid
