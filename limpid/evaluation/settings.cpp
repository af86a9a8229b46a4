#include "limpid/evaluation/settings.h"

#include <algorithm>
#include <cctype>

#include "limpid/core/resources.h"
#include "limpid/data/unfinished_output.h"
#include "limpid/methods/registry.h"

namespace limpid {
namespace {

constexpr const char* kAnd = " + ";

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(kAnd, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + std::string(kAnd).size();
  }
  return parts;
}

/// Returns the name of a detoxifier's file without its folder and its ending; other text as it is.
std::string short_file_name(const std::string& path) {
  std::string name = fs::path(path).filename().string();
  if (const size_t end = name.find(kDetoxifierEnding); end != std::string::npos) name.resize(end);
  return name;
}

}  // namespace

std::string EvaluationSetting::detoxifier_names() const {
  std::string names;
  for (const AppliedDetoxifier& applied : detoxifiers)
    names += (names.empty() ? "" : kAnd) + applied.detoxifier->name();
  return is_plain() ? "plain" : names;
}

Json EvaluationSetting::strengths_json() const {
  if (is_plain()) return 0.0f;
  if (detoxifiers.size() == 1) return detoxifiers[0].strength;
  Json list = Json::array();
  for (const AppliedDetoxifier& applied : detoxifiers) list.push_back(applied.strength);
  return list;
}

Json EvaluationSetting::identity() const {
  return {{"detoxifier", detoxifier_names()}, {"contents", contents}, {"strength", strengths_json()}};
}

std::string setting_name(const DetoxSpec& spec, const Detoxifier& detoxifier, float strength) {
  char number[32];
  std::snprintf(number, sizeof number, "%g", double(strength));
  const std::string file = short_file_name(spec.file);
  const std::string how = detoxifier.name().substr(detoxifier.name().find('/') + 1);
  std::string name = spec.is_control() ? concat("control-", how) : concat(file, "-", how);
  for (const auto& [key, value] : spec.options)
    if (value != how) name += concat("-", key, "-", short_file_name(value));
  name += concat("-", number);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != '+') c = '-';
  return name;
}

bool takes_strengths(const std::string& text) {
  const std::vector<std::string> parts = split(text);
  return parts.size() == 1 && !DetoxSpec::parse(parts[0]).strength;
}

std::vector<EvaluationSetting> parse_settings(const std::string& text, std::span<const double> strengths) {
  EvaluationSetting setting;
  DetoxSpec spec;
  std::shared_ptr<const Detoxifier> detoxifier;
  const auto add = [&](EvaluationSetting& to, float strength) {
    detoxifier->limits().check(strength, "[evaluate] ");
    if (!to.name.empty()) to.name += '+';
    to.name += setting_name(spec, *detoxifier, strength);
    to.add(detoxifier, strength);
    for (const fs::path& file : files_of(spec)) to.contents.push_back(content_stamp(file));
  };
  const std::vector<std::string> parts = split(text);
  for (const std::string& part : parts) {
    spec = DetoxSpec::parse(part);
    detoxifier = open_detoxifier(spec);
    add(setting, spec.strength.value_or(detoxifier->default_strength()));
  }
  if (parts.size() > 1 || spec.strength || strengths.empty()) return {setting};
  std::vector<EvaluationSetting> settings(strengths.size());
  for (size_t s = 0; s < strengths.size(); ++s) add(settings[s], float(strengths[s]));
  return settings;
}

}  // namespace limpid
