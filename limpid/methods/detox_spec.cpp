#include "limpid/methods/detox_spec.h"

#include <algorithm>

#include "limpid/core/parse.h"
#include "limpid/data/file_query.h"
#include "limpid/methods/method_table.h"

namespace limpid {
namespace {

bool is_known_control(const std::string& name) {
  return std::any_of(std::begin(Controls::infos), std::end(Controls::infos),
                     [&](const MethodInfo& control) { return name == control.name; });
}

std::map<std::string, std::string> parse_options(const FileQuery& query, const std::string& spec) {
  std::map<std::string, std::string> options;
  for (const auto& [part, key, value] : query.parts()) {
    LIMPID_CHECK(!key.empty() && !value.empty(), ConfigError, "[detoxifier] \"", spec, "\": \"", part,
                 "\" is not key=value");
    LIMPID_CHECK(options.emplace(key, value).second, ConfigError, "[detoxifier] \"", spec, "\": ", key,
                 " is given twice");
  }
  return options;
}

}  // namespace

DetoxSpec DetoxSpec::parse(const std::string& text) {
  DetoxSpec spec;
  std::string rest = text;
  if (const size_t colon = rest.rfind(':'); colon != std::string::npos) {
    const std::string tail = rest.substr(colon + 1), head = rest.substr(0, colon);
    if ((spec.strength = parse_number<float>(tail))) {
      rest = head;
    } else {
      // A colon may be part of a file name; behind the name of a detoxifier it announces a strength.
      const bool announced = head.ends_with(".safetensors") || head.ends_with(".gguf") ||
                             head.find('?') != std::string::npos || is_known_control(head);
      LIMPID_CHECK(!announced, ConfigError, "[detoxifier] \"", text, "\": strength \"", tail, "\" is not a number");
    }
  }
  if (const FileQuery query = FileQuery::parse(rest); query.query.find('=') != std::string::npos) {
    spec.options = parse_options(query, text);
    rest = query.path;
  }
  LIMPID_CHECK(!rest.empty(), ConfigError, "[detoxifier] \"", text,
               "\" names no file; expected FILE[?key=value][:STRENGTH]");
  spec.file = rest;
  LIMPID_CHECK(!spec.is_control() || is_known_control(rest), ConfigError, "[detoxifier] \"", rest,
               "\" is not known; there are ", join(Controls::infos, ", ", &MethodInfo::name));
  return spec;
}

}  // namespace limpid
