#pragma once

#include "limpid/tokenizers/jinja/run.h"

/// Values as Python prints them.
namespace limpid::jinja {

void append_str(Run& run, std::string& out, const Value& value);   ///< str(value); of an undefined one nothing
void append_repr(Run& run, std::string& out, const Value& value);  ///< repr(value): what lists show of their elements
std::string str(Run& run, const Value& value);
std::string float_repr(double value);  ///< the shortest that reads back: "2.5", "1e+16", "nan"

/// Appends json.dumps of the value.
struct JsonStyle {
  bool ascii = false, sort_keys = false;
  std::optional<std::string> indent;  ///< of one level; none for one line
  std::string between = ", ", colon = ": ";
};
/// @throws Fault for what JSON cannot hold.
void append_json(Run& run, std::string& out, const Value& value, const JsonStyle& style, size_t level = 0);

}  // namespace limpid::jinja
