#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <span>
#include <sstream>
#include <string>

#include "limpid/core/error.h"

namespace limpid {

/// Returns the items as one text: "norm, scale, convex".
/// @param text_of  what is written of an item: a member, or a function
template <class Items, class TextOf = std::identity>
std::string join(const Items& items, const char* separator = ", ", TextOf text_of = {}) {
  std::ostringstream out;
  const char* before = "";
  for (const auto& item : items) {
    out << before << std::invoke(text_of, item);
    before = separator;
  }
  return out.str();
}

/// The names of an enumeration's values, in the order of its values; or other words to choose from.
using Names = std::span<const char* const>;

/// Returns the names as alternatives: "none, middle or neutral".
inline std::string join_alternatives(Names names) {
  if (names.size() < 2) return join(names);
  return concat(join(names.first(names.size() - 1)), " or ", names.back());
}

/// Returns the place of `text` among the names.
/// @param prefix  what the message begins with: place, what was given, and the text: "[destein] FILE: rule "push""
/// @throws ConfigError that names all.
inline size_t index_of(Names names, const std::string& text, const std::string& prefix) {
  const auto match = std::find(names.begin(), names.end(), text);
  LIMPID_CHECK(match != names.end(), ConfigError, prefix, ", expected ", join_alternatives(names));
  return size_t(match - names.begin());
}

/// An enumeration with one list of names, which a function beside it makes known:
///   enum class Tap { Heads, Layer };
///   inline constexpr const char* kTaps[] = {"heads", "layer"};
///   constexpr Names names_of(Tap) { return kTaps; }
template <class Enum>
concept HasNames = requires(Enum value) {
  { names_of(value) } -> std::convertible_to<Names>;
};

/// Returns the value's name.
template <HasNames Enum>
constexpr const char* name(Enum value) {
  return names_of(value)[size_t(value)];
}

/// Returns the value that `text` names. @param what  "[destein] FILE: rule"    @throws ConfigError that names all.
template <HasNames Enum>
Enum named(const std::string& text, const std::string& what) {
  return static_cast<Enum>(index_of(names_of(Enum()), text, concat(what, " \"", text, "\"")));
}

}  // namespace limpid
