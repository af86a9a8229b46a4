#include "limpid/data/text_data.h"

#include <algorithm>
#include <map>
#include <optional>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/number_text.h"
#include "limpid/core/parse.h"
#include "limpid/data/file_query.h"
#include "limpid/data/named_data.h"
#include "limpid/data/rows.h"

namespace limpid {
namespace {

std::pair<std::string, std::string> key_and_value(const std::string& text, const char* option) {
  const size_t equals = text.find('=');
  LIMPID_CHECK(equals != std::string::npos && equals > 0, ConfigError, option, " ", quote(text),
               ": expected KEY=VALUE");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

struct Condition {
  std::string key;
  std::vector<std::string> values;
  bool seen = false;  ///< some row has the key

  bool holds(const Json& object) {
    const auto member = object.find(key);
    if (member == object.end()) return false;
    seen = true;
    if (member->is_null()) return false;
    const std::string text = member->is_string() ? member->get<std::string>() : to_text(*member);
    for (const std::string& value : values) {
      if (text == value) return true;
      if (member->is_number())
        if (const auto number = parse_number<double>(value); number && *number == member->get<double>()) return true;
    }
    return false;
  }
};

/// One `files` entry, with what holds for every file folded in.
struct File {
  fs::path path;
  std::map<std::string, std::string> columns;  ///< only those that were named
  std::vector<Condition> conditions;
  std::vector<std::string> text_columns;

  std::string column(const char* name) const {
    const auto entry = columns.find(name);
    return entry == columns.end() ? name : entry->second;
  }
};

constexpr const char* kFields[] = {"prompt", "completion", "text"};

bool is_field(const std::string& name) {
  return std::find(std::begin(kFields), std::end(kFields), name) != std::end(kFields);
}

File parse_file(const std::string& entry, const DataOptions& options) {
  File file;
  const FileQuery query = FileQuery::parse(entry);
  file.path = resolve_data(query.path);
  const auto condition = [&](const std::string& text, const char* option) {
    const auto [key, value] = key_and_value(text, option);
    file.conditions.push_back({key, split(value, '|')});
  };
  for (const std::string& field : options.fields) {
    const auto [name, column] = key_and_value(field, "--fields");
    LIMPID_CHECK(is_field(name), ConfigError, "--fields ", quote(field), ": ", quote(name),
                 " is not prompt, completion or text");
    file.columns[name] = column;
  }
  for (const FileQuery::Part& part : query.parts()) {
    const auto [key, value] = key_and_value(part.text, "--data …?");
    if (is_field(key))
      file.columns[key] = value;
    else
      condition(part.text, "--data …?");
  }
  for (const std::string& text : options.where) condition(text, "--where");
  file.text_columns = options.text_columns;
  for (const char* field : kFields) file.text_columns.push_back(file.column(field));
  return file;
}

/// Returns the string in `column`, nothing when it is null. @throws FormatError when it is missing or of another kind.
std::optional<std::string> text_of(const Json& object, const std::string& column, const std::string& source) {
  const auto value = object.find(column);
  LIMPID_CHECK(value != object.end(), FormatError, source, ": ", quote(column), " is missing");
  if (value->is_null()) return std::nullopt;
  LIMPID_CHECK(value->is_string(), FormatError, source, ": ", quote(column), " is ", json_kind(*value),
               ", expected a string");
  return value->get<std::string>();
}

using RowFunction = std::function<void(const TextRow&, const Json&)>;

class Reader {
 public:
  Reader(RowCounts& counts, const RowFunction& row) : counts_(counts), row_(row) {}

  void read(File& file) {
    for_each_row(file.path, file.text_columns, [&](const DataRow& row) {
      if (row.is_plain())
        plain_text(file, row);
      else
        object(file, row.fields, row.source);
    });
  }

 private:
  void plain_text(const File& file, const DataRow& row) {
    LIMPID_CHECK(file.conditions.empty(), ConfigError, file.path.string(), ": plain text lines have no ",
                 quote(file.conditions[0].key), " that could be compared; conditions need rows with columns");
    hand_over({"", row.text, false, row.source}, Json());
  }

  void object(File& file, const Json& object, const std::string& source) {
    bool matches = true;
    for (Condition& condition : file.conditions)
      matches = condition.holds(object) && matches;  // each looks, to mark keys as seen
    if (!matches) {
      ++counts_.unmatched;
      return;
    }
    const bool dialogue =
        file.columns.contains("completion") || (!file.columns.contains("text") && object.contains("completion"));
    LIMPID_CHECK(dialogue || file.columns.contains("text") || object.contains("text"), FormatError, source,
                 ": has neither \"text\" nor \"completion\"; name the columns with --fields text=… or completion=…");
    const auto text = text_of(object, file.column(dialogue ? "completion" : "text"), source);
    if (!text) {
      ++counts_.null;
      return;
    }
    TextRow row{"", *text, dialogue, source};
    if (dialogue) row.prompt = text_of(object, file.column("prompt"), source).value_or("");
    row.has_prompt = !row.prompt.empty();
    hand_over(row, object);
  }

  void hand_over(const TextRow& row, const Json& object) {
    if (row.text.find_first_not_of(" \t\r\n") == std::string::npos) {
      ++counts_.empty;
      return;
    }
    ++counts_.kept;
    row_(row, object);
  }

  RowCounts& counts_;
  const RowFunction& row_;
};

}  // namespace

RowCounts for_each_text_row(const DataOptions& options, const RowFunction& row) {
  RowCounts counts;
  Reader reader(counts, row);
  for (const std::string& entry : options.files) {
    File file = parse_file(entry, options);
    reader.read(file);
    for (const Condition& condition : file.conditions)
      LIMPID_CHECK(condition.seen, ConfigError, file.path.string(), ": no row has the key ", quote(condition.key),
                   " that a condition asks for");
  }
  return counts;
}

TextData read_text_data(const DataOptions& options) {
  TextData data;
  data.counts = for_each_text_row(options, [&](const TextRow& row, const Json&) { data.rows.push_back(row); });
  LIMPID_CHECK(!data.rows.empty(), ConfigError, "no row of the data can be used: ", describe(data.counts));
  return data;
}

std::string describe(const RowCounts& counts) {
  std::string others;
  const auto add = [&](size_t count, const char* what) {
    if (count > 0) others += concat(others.empty() ? "" : ", ", thousands(count), " ", what);
  };
  add(counts.unmatched, "do not match");
  add(counts.null, "null");
  add(counts.empty, "empty");
  return concat(thousands(counts.kept), " rows", others.empty() ? "" : " (others: " + others + ")");
}

}  // namespace limpid
