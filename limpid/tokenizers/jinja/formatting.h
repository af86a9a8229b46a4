#pragma once

#include "limpid/tokenizers/jinja/run.h"

/// Python's two ways to format: "%s" % values and "{}".format(values).
namespace limpid::jinja {

/// @param values  a tuple for several, a dict for %(name)s, any other value for one
/// @throws Fault for a conversion that is unknown, and values that do not fit.
std::string format_percent(Run& run, std::string_view format, const Value& values);
std::string format_braces(Run& run, std::string_view format, const Arguments& arguments);

/// What both write of one value: [[fill]align][sign][#][0][width][,][.precision][type].
struct FormatSpec {
  std::string fill = " ";
  char align = 0, sign = '-', type = 0;
  bool alternate = false, zero = false, thousands = false;
  size_t width = 0;
  std::optional<size_t> precision;
};
std::string format_value(Run& run, const Value& value, const FormatSpec& spec);
/// Returns the text widened to `width` characters; align is one of "<>^".
std::string pad_text(Run& run, std::string text, size_t width, char align, std::string_view fill = " ");

}  // namespace limpid::jinja
