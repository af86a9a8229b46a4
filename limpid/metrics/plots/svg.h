#pragma once

#include <string>
#include <string_view>

#include "limpid/core/error.h"

/// SVG written by hand. Coordinates are pixels from the top left.
namespace limpid::svg {

/// Returns `text` for XML and HTML: & < > " are escaped, control characters become spaces.
std::string escape(std::string_view text);

/// Returns a number with at most two decimals, without trailing zeros.
std::string number(double value);

/// Returns attributes one after another: attributes("x", 1.5, "fill", "red") is ` x="1.5" fill="red"`.
template <class Value, class... More>
std::string attributes(const char* name, const Value& value, const More&... more) {
  std::string text;
  if constexpr (std::is_arithmetic_v<Value>)
    text = concat(" ", name, "=\"", number(double(value)), "\"");
  else
    text = concat(" ", name, "=\"", escape(value), "\"");
  if constexpr (sizeof...(more) > 0) text += attributes(more...);
  return text;
}

/// Returns <name …/>, or <name …><title>tooltip</title></name>, which browsers show while the pointer rests on it.
std::string element(const char* name, const std::string& attributes, const std::string& tooltip = "");

enum class Anchor { Start, Middle, End };
/// Returns a text element.
/// @param y     of the base line
/// @param more  attributes
std::string text(double x, double y, const std::string& content, Anchor anchor = Anchor::Start,
                 const std::string& more = "");

/// Returns a whole document with a white ground, described by `title` for those who hear it.
std::string document(double width, double height, const std::string& title, const std::string& content);

}  // namespace limpid::svg
