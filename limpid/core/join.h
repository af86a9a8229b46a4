#pragma once

#include <functional>
#include <sstream>
#include <string>

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

}  // namespace limpid
