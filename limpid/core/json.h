#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "limpid/core/error.h"
#include "limpid/core/files.h"

/// JSON with errors that name the file and the key.
namespace limpid {

using Json = nlohmann::json;

/// @param source  what to call the text in an error, for example "config.json"
/// @throws FormatError with the byte offset of the fault, and for more than 64 lists or objects inside one another.
Json parse_json(std::string_view text, const std::string& source);
Json read_json(const fs::path& path);

/// Returns the text with null in place of NaN, Infinity and -Infinity outside strings, which is how Python writes
/// numbers that are missing.
std::string nan_as_null(std::string_view text);
/// Parses a line of data: as parse_json, of nan_as_null.
Json parse_json_data(std::string_view text, const std::string& source);

/// Returns the text of `value`; invalid UTF-8 becomes U+FFFD rather than an exception.
std::string to_text(const Json& value, int indent = -1);

/// Calls `row(object, line_number)` for each line of a jsonl file of our own (parse_json_data); empty lines are passed
/// over. What people bring is read by data/rows.h.
/// @throws FormatError "FILE:LINE: …" for a line that is not a JSON object.
void for_each_jsonl(const fs::path& path, const std::function<void(const Json&, size_t line)>& row);

const char* json_kind(const Json& value);  ///< "a string", "a number", …

/// Returns what a JSON value must be to be read as T, for an error text.
template <class T>
constexpr const char* expected_kind() {
  if (std::is_same_v<T, bool>) return "true or false";
  if (std::is_integral_v<T>) return "an integer";
  if (std::is_floating_point_v<T>) return "a number";
  return std::is_same_v<T, std::string> ? "a string" : "another type";
}

/// Returns `object[key]` as T. @throws FormatError naming `source`, the key, what was found and what was expected.
template <class T>
T require(const Json& object, const char* key, const std::string& source) {
  const auto member = object.find(key);
  LIMPID_CHECK(member != object.end(), FormatError, source, ": \"", key, "\" is missing");
  try {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      if (!member->is_number_integer()) throw FormatError("");
      const bool fits = member->is_number_unsigned() ? std::in_range<T>(member->get<uint64_t>())
                                                     : std::in_range<T>(member->get<int64_t>());
      if (!fits) throw std::out_of_range("");
    }
    return member->get<T>();
  } catch (const std::out_of_range&) {
    throw FormatError(concat(source, ": \"", key, "\" is ", member->dump(), ", expected an integer of ", 8 * sizeof(T),
                             " bits", std::is_signed_v<T> ? "" : ", not negative"));
  } catch (const std::exception&) {
    throw FormatError(concat(source, ": \"", key, "\" is ", json_kind(*member), ", expected ", expected_kind<T>()));
  }
}

/// Returns `object[key]` as T, or `fallback` where the key is absent or null.
template <class T>
T get_or(const Json& object, const char* key, T fallback, const std::string& source) {
  const auto member = object.find(key);
  if (member == object.end() || member->is_null()) return fallback;
  return require<T>(object, key, source);
}

}  // namespace limpid
