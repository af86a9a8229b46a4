#pragma once

#include <cstddef>

namespace limpid::jinja {

/// What a rendering may use, so that a template from anywhere ends soon and stays small.
struct Limits {
  size_t steps = 10'000'000;  ///< one for each expression, statement and element, and one for 16 bytes of text
  size_t depth = 400;         ///< expressions and statements inside one another, calls of macros included
  size_t bytes = 16 << 20;    ///< of one text, the rendered one included
};

inline constexpr size_t kMaxNesting = 100;    ///< levels of a value, and of parentheses and blocks in a source
inline constexpr size_t kMaxRange = 100'000;  ///< numbers of one range(), as in Jinja's sandbox

}  // namespace limpid::jinja
