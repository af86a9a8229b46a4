#include "limpid/methods/detox_stack.h"

#include <algorithm>

#include "limpid/methods/registry.h"

namespace limpid {

void DetoxStack::add(const std::shared_ptr<const Detoxifier>& detoxifier, float strength) {
  detoxifier->limits().check(strength, "[detoxifier] ");
  if (detoxifier->parts().empty()) detoxifiers.push_back({detoxifier, strength});
  for (const Detoxifier::Part& part : detoxifier->parts()) add(part.detoxifier, strength * part.strength);
}

bool DetoxStack::acts() const {
  return std::ranges::any_of(detoxifiers, [](const AppliedDetoxifier& applied) { return applied.strength != 0.0f; });
}

std::vector<float> DetoxStack::strengths() const {
  std::vector<float> result;
  for (const AppliedDetoxifier& applied : detoxifiers) result.push_back(applied.strength);
  return result;
}

std::vector<std::unique_ptr<Session>> DetoxStack::open(const Model& target) const {
  std::vector<std::unique_ptr<Session>> sessions;
  for (const AppliedDetoxifier& applied : detoxifiers) sessions.push_back(applied.detoxifier->open(target));
  return sessions;
}

void warn_if_unmeasured(const Detoxifier& detoxifier, float strength, const std::string& place, Watch& watch) {
  if (const auto& measured = detoxifier.measured(); measured && strength != 0.0f && !measured->contains(strength))
    watch.warning(concat(place, ": strength ", strength,
                         " lies outside those that were measured when the file was made, ", measured->text()));
}

DetoxStack open_detoxifiers(const std::vector<std::string>& specs, Watch& watch) {
  DetoxStack stack;
  for (const std::string& text : specs) {
    const DetoxSpec spec = DetoxSpec::parse(text);
    const auto detoxifier = open_detoxifier(spec);
    const float strength = spec.strength.value_or(detoxifier->default_strength());
    warn_if_unmeasured(*detoxifier, strength, spec.file, watch);
    stack.add(detoxifier, strength);
  }
  return stack;
}

}  // namespace limpid
