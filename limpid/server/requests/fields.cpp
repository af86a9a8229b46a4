#include "limpid/server/requests/fields.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <utility>

#include "limpid/tokenizers/unicode.h"

namespace limpid::server {

namespace {

constexpr size_t kMostUnknown = 64;      // paths of unknown members that are told
constexpr size_t kLongestUnknown = 128;  // bytes of one

bool is_name_byte(unsigned char byte) { return byte < 0x80 && (std::isalnum(byte) || std::strchr("._-/:", byte)); }

/// Returns the integer that a JSON number is; nothing where it is none of 64 bits.
std::optional<int64_t> whole(const Json& number) {
  if (number.is_number_unsigned() && !std::in_range<int64_t>(number.get<uint64_t>())) return std::nullopt;
  if (number.is_number_integer()) return number.get<int64_t>();
  const double value = number.get<double>();  // -2^63 may be a longer integer that was rounded
  if (value != std::floor(value) || std::abs(value) >= 0x1p63) return std::nullopt;
  return int64_t(value);
}

}  // namespace

std::string IntegerRange::text() const { return concat(least, " to ", most); }

ApiError invalid_type(const std::string& path, const Json& found, const std::string& expected) {
  return {400, "invalid_type", concat("\"", path, "\" is ", json_kind(found), ", expected ", expected), path};
}

ApiError invalid_value(const std::string& path, const std::string& found, const std::string& expected) {
  return {400, "invalid_value", concat("\"", path, "\" is ", found, ", expected ", expected), path};
}

ApiError missing_parameter(const std::string& path, const std::string& expected) {
  return {400, "missing_required_parameter", concat("\"", path, "\" is missing, expected ", expected), path};
}

std::string shown_name(const std::string& name) {
  const bool is_plain = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), is_name_byte);
  return is_plain ? concat("\"", name, "\"") : "another text";
}

bool read_flag(const Json& value, const std::string& path) {
  if (!value.is_boolean()) throw invalid_type(path, value, "true or false");
  return value.get<bool>();
}

int64_t read_integer(const Json& value, const std::string& path, const IntegerRange& range) {
  if (!value.is_number()) throw invalid_type(path, value, concat("an integer of ", range.text()));
  const std::optional<int64_t> integer = whole(value);
  if (!integer && value.is_number_float() && value.get<double>() != std::floor(value.get<double>()))
    throw ApiError(400, "invalid_type",
                   concat("\"", path, "\" is ", value.dump(), ", expected an integer of ", range.text()), path);
  if (!integer || *integer < range.least || *integer > range.most)
    throw invalid_value(path, value.dump(), range.text());
  return *integer;
}

double read_number(const Json& value, const std::string& path, const Range& range) {
  if (!value.is_number()) throw invalid_type(path, value, concat("a number, ", range.text()));
  const double number = value.get<double>();
  if (!range.contains(number)) throw invalid_value(path, value.dump(), range.text());
  return number;
}

const std::string& read_text(const Json& value, const std::string& path) {
  if (!value.is_string()) throw invalid_type(path, value, "a string");
  return value.get_ref<const std::string&>();
}

Fields::Fields(const Json& object, std::string place) : object_(object), place_(std::move(place)) {
  if (!object.is_object()) throw invalid_type(place_, object, "an object");
}

const Json* Fields::find(const char* name) {
  known_.insert(name);
  const auto member = object_.find(name);
  return member == object_.end() || member->is_null() ? nullptr : &*member;
}

const Json& Fields::require(const char* name, const std::string& expected) {
  const Json* member = find(name);
  if (!member) throw missing_parameter(path_of(name), expected);
  return *member;
}

std::optional<bool> Fields::flag(const char* name) {
  const Json* member = find(name);
  return member ? std::optional(read_flag(*member, path_of(name))) : std::nullopt;
}

std::optional<int64_t> Fields::integer(const char* name, const IntegerRange& range) {
  const Json* member = find(name);
  return member ? std::optional(read_integer(*member, path_of(name), range)) : std::nullopt;
}

std::optional<double> Fields::number(const char* name, const Range& range) {
  const Json* member = find(name);
  return member ? std::optional(read_number(*member, path_of(name), range)) : std::nullopt;
}

const std::string* Fields::text(const char* name) {
  const Json* member = find(name);
  return member ? &read_text(*member, path_of(name)) : nullptr;
}

const Json* Fields::list(const char* name) {
  const Json* member = find(name);
  if (member && !member->is_array()) throw invalid_type(path_of(name), *member, "a list");
  return member;
}

void Fields::pass_over(std::initializer_list<const char*> names) { known_.insert(names.begin(), names.end()); }

void Fields::refuse(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const Json* member = find(name);
    const bool is_empty = !member || (member->is_string() ? member->get_ref<const std::string&>().empty()
                                                          : member->is_structured() && member->empty());
    if (!is_empty)
      throw ApiError(400, "unsupported_parameter",
                     concat("\"", path_of(name), "\" is not supported here; leave it out, null or empty"),
                     path_of(name));
  }
}

std::string Fields::path_of(const std::string& name) const { return place_.empty() ? name : concat(place_, ".", name); }

void Fields::append_unknown(std::vector<std::string>& paths) const {
  for (const auto& [name, value] : object_.items()) {
    if (paths.size() >= kMostUnknown) return;
    if (value.is_null() || known_.contains(name)) continue;
    std::string path = path_of(name);
    if (path.size() > kLongestUnknown) {
      path.resize(kLongestUnknown);
      path.resize(path.size() - incomplete_tail(path));
      path += "…";
    }
    paths.push_back(std::move(path));
  }
}

}  // namespace limpid::server
