#pragma once

#include <span>

#include "limpid/tokenizers/jinja/run.h"

namespace limpid::jinja {

/// A filter: value|name(arguments).
struct Filter {
  using Body = Value (*)(Run& run, const Value& value, Arguments arguments);
  const char* name;
  Body apply;
};
/// A test: value is name(arguments).
struct Test {
  using Body = bool (*)(Run& run, const Value& value, Arguments arguments);
  const char* name;
  Body holds;
};

const Filter* find_filter(std::string_view name);  ///< null for none of that name
const Test* find_test(std::string_view name);
/// @throws Fault for a name that is none, with what can be written instead.
Value apply_filter(Run& run, std::string_view name, const Value& value, Arguments arguments);
bool apply_test(Run& run, std::string_view name, const Value& value, Arguments arguments);

std::span<const Filter> text_filters();
std::span<const Filter> number_filters();
std::span<const Filter> sequence_filters();
std::span<const Filter> ordering_filters();
std::span<const Filter> selecting_filters();

/// What Jinja calls soft_str: texts as they are, other values printed.
Value as_text(Run& run, const Value& value);

}  // namespace limpid::jinja
