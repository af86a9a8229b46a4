#include "limpid/core/json.h"

namespace limpid {
namespace {

constexpr size_t kNowhere = std::string_view::npos;

/// Returns the place of the first NaN or Infinity from `begin` on that stands outside a string, as no JSON has it.
/// `begin` lies outside strings.
size_t find_no_number(std::string_view text, size_t begin) {
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '"') {
      while (++i < text.size() && text[i] != '"')
        if (text[i] == '\\') ++i;
    } else if (text.substr(i).starts_with("NaN") || text.substr(i).starts_with("Infinity")) {
      return i;
    }
  }
  return kNowhere;
}

}  // namespace

std::string nan_as_null(std::string_view text) {
  std::string out;
  size_t taken = 0;
  for (size_t place = 0; (place = find_no_number(text, place)) != kNowhere; ++place) {
    if (text[place] != 'N') continue;
    (out += text.substr(taken, place - taken)) += "null";
    taken = place + 3;
  }
  return out += text.substr(taken);
}

Json parse_json(std::string_view text, const std::string& source) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const size_t byte = error.byte, number = find_no_number(text, 0);
    if (number < byte)
      throw FormatError(concat(source, ": holds ", text[number] == 'N' ? "NaN" : "Infinity", " at byte ", number + 1,
                               ", which is no JSON; null says that a number is missing"));
    throw FormatError(concat(source, ": not valid JSON at byte ", byte, " of ", text.size()));
  } catch (const Json::out_of_range&) {  // 1e999
    throw FormatError(concat(source, ": not valid JSON: a number is out of range"));
  }
}

Json read_json(const fs::path& path) { return parse_json(read_file(path), path.string()); }

std::string to_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void for_each_jsonl(const fs::path& path, const std::function<void(const Json&, size_t)>& row) {
  const auto file = MappedFile::open(path);
  std::string_view rest = file->text();
  for (size_t line = 1; !rest.empty(); ++line) {
    const size_t end = rest.find('\n');
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string source = concat(path.string(), ":", line);
    const Json value = parse_json(text, source);
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
