#include "limpid/data/separated_values.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/parse.h"

namespace limpid {
namespace {

struct TableField {
  std::string text;
  bool quoted = false;
};

/// Takes records off the front of a text.
class RecordReader {
 public:
  RecordReader(std::string_view text, char separator, std::string source)
      : rest_(text),
        separator_(separator),
        source_(std::move(source)) {}

  /// Returns whether there is another record; empty lines are passed over.
  bool next() {
    while (!rest_.empty() && (rest_[0] == '\n' || rest_.starts_with("\r\n"))) take_line_break();
    line_ = next_line_;
    fields_.clear();
    if (rest_.empty()) return false;
    while (read_field()) {
    }
    return true;
  }
  const std::vector<TableField>& fields() const { return fields_; }
  size_t line() const { return line_; }

 private:
  void take_line_break() {
    rest_.remove_prefix(rest_.find('\n') + 1);
    ++next_line_;
  }
  /// Reads a field and what ends it. Returns whether the record goes on.
  bool read_field() {
    TableField& field = fields_.emplace_back();
    if (rest_.starts_with('"')) read_quoted(field);
    size_t end = 0;
    while (end < rest_.size() && rest_[end] != separator_ && rest_[end] != '\n') ++end;
    std::string_view text = rest_.substr(0, end);
    if (text.ends_with('\r')) text.remove_suffix(1);
    LIMPID_CHECK(!field.quoted || text.empty(), FormatError, source_, ":", next_line_, ": ", quote(text),
                 " stands behind the closing quote of a field");
    field.text += text;
    rest_.remove_prefix(end);
    if (rest_.empty()) return false;
    if (rest_[0] == '\n') return take_line_break(), false;
    rest_.remove_prefix(1);
    return true;
  }
  void read_quoted(TableField& field) {
    field.quoted = true;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"' && (i + 1 == rest_.size() || rest_[i + 1] != '"')) return rest_.remove_prefix(i + 1);
      if (rest_[i] == '"') ++i;
      field.text += rest_[i];
      next_line_ += rest_[i] == '\n';
    }
    throw FormatError(concat(source_, ":", line_, ": a quoted field does not end"));
  }

  std::string_view rest_;
  const char separator_;
  const std::string source_;
  std::vector<TableField> fields_;
  size_t line_ = 1, next_line_ = 1;
};

/// Returns whether a text could be the name of a column: letters, digits and little else. A space may stand inside
/// ("comment text") or in front (behind a comma), not both.
bool is_name(std::string_view text) {
  const bool led = text.starts_with(' ');
  if (led) text.remove_prefix(1);
  return !text.empty() && text.size() <= 64 && text.back() != ' ' && text.front() != ' ' &&
         std::all_of(text.begin(), text.end(), [&](unsigned char c) {
           return c >= 128 || std::isalnum(c) || c == '_' || c == '-' || c == '.' || (c == ' ' && !led);
         });
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

bool is_one_of(const std::string& text, const std::vector<std::string>& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::vector<std::string> first_record(std::string_view line, char separator) {
  RecordReader reader(line, separator, "");
  std::vector<std::string> names;
  if (reader.next())
    for (const TableField& field : reader.fields()) names.push_back(field.text);
  return names;
}

Json table_cell(const TableField& field, bool is_text) {
  if (is_text || field.quoted) return field.text;
  if (field.text.empty()) return nullptr;
  if (const auto whole = parse_number<int64_t>(field.text)) return *whole;
  if (const auto number = parse_number<double>(field.text)) return *number;
  return field.text;
}

}  // namespace

std::optional<TableHeader> table_header(std::string_view text, const std::string& ending,
                                        const std::vector<std::string>& texts) {
  const bool named = ending == ".csv" || ending == ".tsv";
  const std::string_view line = text.substr(0, text.find('\n'));
  std::vector<char> separators = {'\t', ',', ';'};
  if (ending == ".csv") separators = {',', ';', '\t'};
  for (const char separator : separators) {
    std::vector<std::string> names;
    try {
      names = first_record(line, separator);
    } catch (const FormatError&) {
      continue;  // a quote in plain text
    }
    const bool all_names = std::all_of(names.begin() + !names.empty(), names.end(), is_name) &&
                           (names.size() > 1 || (!names.empty() && is_name(names[0])));
    for (std::string& name : names) name = trimmed(name);
    const bool known =
        std::any_of(names.begin(), names.end(), [&](const auto& name) { return is_one_of(name, texts); });
    if (named ? names.size() > 1 || known : all_names && known) return TableHeader{separator, std::move(names)};
  }
  if (!named) return std::nullopt;
  return TableHeader{separators[0], first_record(line, separators[0])};
}

void for_each_table_row(std::string_view text, const TableHeader& header, const std::vector<std::string>& texts,
                        const std::string& source, const std::function<void(Json, size_t)>& visit) {
  const std::set<std::string> distinct(header.names.begin(), header.names.end());
  LIMPID_CHECK(distinct.size() == header.names.size(), FormatError, source, ":1: two columns have one name");
  std::vector<bool> is_text;
  for (const std::string& name : header.names) is_text.push_back(is_one_of(name, texts));
  RecordReader reader(text, header.separator, source);
  reader.next();  // the header
  while (reader.next()) {
    const std::vector<TableField>& fields = reader.fields();
    LIMPID_CHECK(fields.size() == header.names.size(), FormatError, source, ":", reader.line(), ": has ", fields.size(),
                 " fields, the header names ", header.names.size(),
                 "; is the file a table? A field that holds a separator stands in double quotes");
    Json row = Json::object();
    for (size_t i = 0; i < fields.size(); ++i) row[header.names[i]] = table_cell(fields[i], is_text[i]);
    visit(std::move(row), reader.line());
  }
}

}  // namespace limpid
