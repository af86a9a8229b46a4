#include "limpid/core/json.h"

namespace limpid {

namespace {

constexpr std::string_view kNoNumbers[] = {"NaN", "Infinity", "-Infinity"};

/// Returns which of Python's words for no number the text begins with; empty for none.
std::string_view no_number(std::string_view text) {
  for (std::string_view word : kNoNumbers)
    if (text.starts_with(word)) return word;
  return {};
}

/// Nesting deeper than in any file of ours; printing and copying a document recurse, so a bomb of brackets must not get
/// that far.
constexpr int kMaxDepth = 64;

bool deeper_than(const Json& value, int depth) {
  if (!value.is_structured()) return false;
  if (depth == 0) return true;
  for (const Json& part : value)
    if (deeper_than(part, depth - 1)) return true;
  return false;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& source) {
  Json value;
  try {
    value = Json::parse(text);
  } catch (const Json::parse_error& error) {
    const size_t byte = error.byte;
    const std::string_view word = byte > 0 && byte <= text.size() ? no_number(text.substr(byte - 1)) : "";
    throw FormatError(concat(source, ": not valid JSON at byte ", byte, " of ", text.size(), word.empty() ? "" : ": ",
                             word, word.empty() ? "" : " is no number of JSON; expected a number or null"));
  } catch (const Json::out_of_range&) {  // 1e999
    throw FormatError(concat(source, ": not valid JSON: a number is out of range"));
  }
  LIMPID_CHECK(!deeper_than(value, kMaxDepth), FormatError, source, ": is nested more than ", kMaxDepth, " deep");
  return value;
}

std::string nan_as_null(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const std::string_view word = in_string ? "" : no_number(text.substr(i));
    if (!word.empty()) {
      out += "null";
      i += word.size();
      continue;
    }
    if (text[i] == '"') in_string = !in_string;
    if (text[i] == '\\' && in_string && i + 1 < text.size()) out += text[i++];  // what is escaped ends no string
    out += text[i++];
  }
  return out;
}

Json parse_json_data(std::string_view text, const std::string& source) {
  const bool may_hold_one =
      text.find("NaN") != std::string_view::npos || text.find("Infinity") != std::string_view::npos;
  return may_hold_one ? parse_json(nan_as_null(text), source) : parse_json(text, source);
}

Json read_json(const fs::path& path) { return parse_json(read_file(path), path.string()); }

std::string to_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void for_each_jsonl(const fs::path& path, const std::function<void(const Json&, size_t)>& row) {
  const auto file = MappedFile::open(path);
  std::string_view rest = file->text();
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  for (size_t line = 1; !rest.empty(); ++line) {
    const size_t end = rest.find('\n');
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string source = concat(path.string(), ":", line);
    const Json value = parse_json_data(text, source);
    LIMPID_CHECK(value.is_object(), FormatError, source, ": found ", json_kind(value),
                 ", expected a JSON object per line");
    row(value, line);
  }
}

const char* json_kind(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "an array";
    case Json::value_t::string: return "a string";
    case Json::value_t::boolean: return "true or false";
    default: return "a number";
  }
}

}  // namespace limpid
