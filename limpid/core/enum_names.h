#pragma once

#include <concepts>

#include "limpid/core/names.h"

/// Enumerations as text and back, by one list of names beside the enumeration, which a function makes known:
///   enum class Tap { Heads, Layer };
///   inline constexpr const char* kTaps[] = {"heads", "layer"};
///   constexpr Names names_of(Tap) { return kTaps; }
namespace limpid {

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
  return parse_name<Enum>(names_of(Enum()), text, what);
}

}  // namespace limpid
