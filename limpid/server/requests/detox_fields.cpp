#include "limpid/server/requests/detox_fields.h"

#include <cmath>

#include "limpid/core/names.h"

namespace limpid::server {

namespace {

float read_strength(const Json& value, const std::string& path, const DetoxifierFacts& detoxifier) {
  if (!value.is_number()) throw invalid_type(path, value, "a number");
  const double strength = value.get<double>();
  if (strength == 0.0) return 0.0f;
  if (!detoxifier.range.contains(strength) || !std::isfinite(float(strength)))
    throw invalid_value(path, value.dump(), concat(detoxifier.range.text(), " for \"", detoxifier.name, "\", or 0"));
  return float(strength);
}

size_t index_of_detoxifier(const std::string& name, const ServerFacts& facts, const std::string& path) {
  for (size_t i = 0; i < facts.detoxifiers.size(); ++i)
    if (facts.detoxifiers[i].name == name) return i;
  throw detoxifier_not_found(name, facts, path);
}

std::vector<float> read_list(const Json& list, const ServerFacts& facts, std::vector<std::string>& unknown) {
  std::vector<float> strengths(facts.detoxifiers.size());
  std::vector<bool> named(facts.detoxifiers.size());
  for (size_t entry = 0; entry < list.size(); ++entry) {
    Fields fields(list[entry], concat("detox[", entry, "]"));
    const std::string path = fields.path_of("name");
    const std::string& name = read_text(fields.require("name", "a detoxifier's name"), path);
    const size_t i = index_of_detoxifier(name, facts, path);
    if (named[i]) throw invalid_value(path, concat("\"", name, "\" again"), "each detoxifier once");
    named[i] = true;
    const Json* strength = fields.find("strength");
    strengths[i] = strength ? read_strength(*strength, fields.path_of("strength"), facts.detoxifiers[i])
                            : facts.detoxifiers[i].start;
    fields.append_unknown(unknown);
  }
  return strengths;
}

std::vector<float> start_strengths(const ServerFacts& facts) {
  std::vector<float> strengths;
  for (const DetoxifierFacts& detoxifier : facts.detoxifiers) strengths.push_back(detoxifier.start);
  return strengths;
}

}  // namespace

std::vector<float> read_strengths(Fields& body, const ServerFacts& facts, std::vector<std::string>& unknown) {
  const Json* detox = body.find("detox");
  if (!detox || *detox == true) return start_strengths(facts);
  if (detox->is_array()) return read_list(*detox, facts, unknown);
  std::vector<float> strengths(facts.detoxifiers.size());
  if (*detox == false) return strengths;
  if (!detox->is_number())
    throw invalid_type("detox", *detox, "true, false, a number or a list of {\"name\": …, \"strength\": …}");
  if (*detox == 0) return strengths;
  if (facts.detoxifiers.empty())
    throw ApiError(404, "detoxifier_not_found", "\"detox\" asks for a strength, but the server has no detoxifier",
                   "detox");
  strengths[0] = read_strength(*detox, "detox", facts.detoxifiers[0]);
  return strengths;
}

ApiError detoxifier_not_found(const std::string& name, const ServerFacts& facts, std::optional<std::string> param) {
  const std::string there = facts.detoxifiers.empty() ? "none" : join(facts.detoxifiers, ", ", &DetoxifierFacts::name);
  return {404, "detoxifier_not_found",
          concat("the detoxifier is ", shown_name(name), ", expected one of those loaded: ", there), std::move(param)};
}

}  // namespace limpid::server
