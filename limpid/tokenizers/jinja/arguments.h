#pragma once

#include <initializer_list>

#include "limpid/tokenizers/jinja/value.h"

namespace limpid::jinja {

/// What a call gives: f(1, 2, x=3).
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Arguments under the names of the parameters they are for.
class Bound {
 public:
  /// @param who       the function's name, for errors
  /// @param names     its parameters, in order
  /// @param required  how many of them must be given
  /// @throws Fault for too many or too few arguments, an unknown name, and one given twice.
  Bound(const char* who, Arguments arguments, std::initializer_list<const char*> names, size_t required = 0);

  bool has(size_t i) const { return given_[i].has_value(); }
  const Value& value(size_t i) const { return *given_[i]; }  ///< of an argument that was given
  Value value_or(size_t i, Value fallback) const { return has(i) ? value(i) : std::move(fallback); }
  bool flag(size_t i, bool fallback) const;  ///< Python's truth of it
  /// @throws Fault for an argument of another type; so do those below.
  int64_t integer(size_t i) const;
  int64_t integer_or(size_t i, int64_t fallback) const { return has(i) ? integer(i) : fallback; }
  std::optional<int64_t> integer_or_none(size_t i) const;
  const std::string& text(size_t i) const;
  std::string text_or(size_t i, const char* fallback) const { return has(i) ? text(i) : fallback; }

 private:
  const char* who_;
  std::vector<std::optional<Value>> given_;
  std::vector<const char*> names_;
};

}  // namespace limpid::jinja
