#include "limpid/methods/detox_spec.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "limpid/methods/method_table.h"

namespace limpid {
namespace {

std::optional<float> number(const std::string& text) {
  if (text.empty()) return std::nullopt;
  char* end = nullptr;
  const float value = std::strtof(text.c_str(), &end);
  if (*end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool is_known_control(const std::string& name) {
  return std::any_of(std::begin(Controls::infos), std::end(Controls::infos),
                     [&](const MethodInfo& control) { return name == control.name; });
}

std::map<std::string, std::string> parse_options(const std::string& text, const std::string& spec) {
  std::map<std::string, std::string> options;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('&', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const size_t equals = part.find('=');
    LIMPID_CHECK(equals != std::string::npos && equals > 0 && equals + 1 < part.size(), ConfigError, "[detoxifier] \"",
                 spec, "\": \"", part, "\" is not key=value");
    LIMPID_CHECK(options.emplace(part.substr(0, equals), part.substr(equals + 1)).second, ConfigError,
                 "[detoxifier] \"", spec, "\": ", part.substr(0, equals), " is given twice");
    begin = end + 1;
  }
  return options;
}

}  // namespace

DetoxSpec DetoxSpec::parse(const std::string& text) {
  DetoxSpec spec;
  std::string rest = text;
  if (const size_t colon = rest.rfind(':'); colon != std::string::npos) {
    const std::string tail = rest.substr(colon + 1), head = rest.substr(0, colon);
    if ((spec.strength = number(tail))) {
      rest = head;
    } else {
      // A colon may be part of a file name; behind the name of a detoxifier it announces a strength.
      const bool announced = head.ends_with(".safetensors") || head.ends_with(".gguf") ||
                             head.find('?') != std::string::npos || is_known_control(head);
      LIMPID_CHECK(!announced, ConfigError, "[detoxifier] \"", text, "\": strength \"", tail, "\" is not a number");
    }
  }
  if (const size_t question = rest.rfind('?');
      question != std::string::npos && rest.find('=', question) != std::string::npos) {
    spec.options = parse_options(rest.substr(question + 1), text);
    rest.resize(question);
  }
  LIMPID_CHECK(!rest.empty(), ConfigError, "[detoxifier] \"", text,
               "\" names no file; expected FILE[?key=value][:STRENGTH]");
  spec.file = rest;
  LIMPID_CHECK(!spec.is_control() || is_known_control(rest), ConfigError, "[detoxifier] \"", rest,
               "\" is not known; there are ", join(Controls::infos, ", ", &MethodInfo::name));
  return spec;
}

}  // namespace limpid
