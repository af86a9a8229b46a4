#include "limpid/core/json.h"

namespace limpid {

Json parse_json(std::string_view text, const std::string& source) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const size_t byte = error.byte;
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
  std::string_view rest(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
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
