#include "limpid/data/text_data.h"

#include <map>
#include <optional>

#include "limpid/checkpoints/json_guard.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/number_text.h"
#include "limpid/core/parse.h"
#include "limpid/data/file_query.h"
#include "limpid/data/named_data.h"
#include "limpid/tokenizers/unicode.h"

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

  std::string column(const char* name) const {
    const auto entry = columns.find(name);
    return entry == columns.end() ? name : entry->second;
  }
};

bool is_field(const std::string& name) { return name == "prompt" || name == "completion" || name == "text"; }

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
  return file;
}

bool is_jsonl(const fs::path& path, std::string_view content) {
  const std::string ending = path.extension().string();
  if (ending == ".txt" || ending == ".jsonl") return ending == ".jsonl";
  const size_t first = content.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && content[first] == '{';
}

void check_utf8(std::string_view line, const std::string& source) {
  for (size_t offset = 0; offset < line.size();) {
    const Utf8 character = decode_utf8(line, offset);
    LIMPID_CHECK(character.state == Utf8State::kValid, FormatError, source, ": not valid UTF-8 at byte ", offset,
                 " of the line");
    offset += character.size;
  }
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
    const auto mapped = MappedFile::open(file.path);
    std::string_view rest(reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size());
    const bool jsonl = is_jsonl(file.path, rest);
    LIMPID_CHECK(jsonl || file.conditions.empty(), ConfigError, file.path.string(), ": plain text lines have no ",
                 quote(file.conditions[0].key), " that could be compared; conditions need jsonl");
    for (size_t number = 1; !rest.empty(); ++number) {
      const size_t end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
      const std::string source = concat(file.path.string(), ":", number);
      if (jsonl)
        json_line(file, line, source);
      else
        plain_line(line, source);
    }
  }

 private:
  void plain_line(std::string_view line, const std::string& source) {
    check_utf8(line, source);
    hand_over({"", std::string(line), false, source}, Json());
  }

  void json_line(File& file, std::string_view line, const std::string& source) {
    const Json object = guarded(parse_json_data(line, source), source);
    LIMPID_CHECK(object.is_object(), FormatError, source, ": found ", json_kind(object),
                 ", expected a JSON object per line");
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
