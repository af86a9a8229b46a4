#pragma once

#include "limpid/tokenizers/jinja/run.h"

namespace limpid::jinja {

/// A method of a built-in type that a template may call: text.strip(), dict.items().
struct Method {
  using Body = Value (*)(Run& run, const Value& self, Arguments arguments);
  const char* name;
  Body call;
};

/// Returns the value's method; null when it has none of that name.
const Method* find_method(const Value& value, std::string_view name);
const Method* find_text_method(std::string_view name);

}  // namespace limpid::jinja
