#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "limpid/core/error.h"
#include "limpid/core/join.h"

namespace limpid {

/// The names of an enumeration's values, in the order of its values; or other words to choose from.
using Names = std::span<const char* const>;

/// Returns the place of `text` among the names.
/// @param found  what the message begins with: place, what was given, and the text: "[destein] FILE: rule "push""
/// @throws ConfigError that names all.
inline size_t index_of(Names names, const std::string& text, const std::string& found) {
  const auto match = std::find(names.begin(), names.end(), text);
  LIMPID_CHECK(match != names.end(), ConfigError, found, ", expected ", names.size() > 1 ? "one of " : "", join(names));
  return size_t(match - names.begin());
}

/// Returns the value that `text` names. @param what  "[destein] FILE: rule"    @throws ConfigError that names all.
template <class Enum>
Enum parse_name(Names names, const std::string& text, const std::string& what) {
  return static_cast<Enum>(index_of(names, text, concat(what, " \"", text, "\"")));
}

}  // namespace limpid
