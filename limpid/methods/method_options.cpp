#include "limpid/methods/method_options.h"

#include <algorithm>

#include "limpid/core/parse.h"
#include "limpid/methods/layer_range.h"

namespace limpid {
namespace {

template <class Number>
Number check_number(std::optional<Number> value, const OptionInfo& option, const std::string& given, const char* kind) {
  LIMPID_CHECK(value, ConfigError, given, " is no ", kind, ", expected ", option.range.text());
  LIMPID_CHECK(option.range.contains(double(*value)), ConfigError, given, ", expected ", option.range.text());
  return *value;
}

}  // namespace

MethodOptions::Value MethodOptions::parse(const OptionInfo& option, const std::string& text, const std::string& place) {
  const std::string given = concat(place, option.key, " \"", text, "\"");
  switch (option.kind) {
    case OptionInfo::Kind::Number: return check_number(parse_number<double>(text), option, given, "number");
    case OptionInfo::Kind::Integer: return check_number(parse_number<int64_t>(text), option, given, "whole number");
    case OptionInfo::Kind::Choice: return index_of(option.choices, text, given);
    case OptionInfo::Kind::Layers: return parse_layers(text, place);
  }
  throw std::logic_error("a kind of option that is not read");
}

MethodOptions::MethodOptions(const MethodInfo& method, const DetoxSpec& spec)
    : file_(spec.file),
      place_(concat("[", spec.is_control() ? "detoxifier" : method.name, "] ", spec.file, ": ")) {
  for (const auto& [key, text] : spec.options) {
    const auto option = std::find_if(method.options.begin(), method.options.end(),
                                     [&key = key](const OptionInfo& known) { return key == known.key; });
    LIMPID_CHECK(option != method.options.end(), ConfigError, place_, "option \"", key, "\" is not known; there ",
                 method.options.size() == 1 ? "is " : "are ",
                 method.options.empty() ? "none" : join(method.options, ", ", &OptionInfo::key));
    values_.emplace(key, parse(*option, text, place_));
  }
}

}  // namespace limpid
