#include "limpid/methods/detox_stack.h"

#include <algorithm>

#include "limpid/methods/registry.h"

namespace limpid {

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

DetoxStack open_detoxifiers(const std::vector<std::string>& specs) {
  DetoxStack stack;
  for (const std::string& text : specs) {
    const DetoxSpec spec = DetoxSpec::parse(text);
    std::shared_ptr<const Detoxifier> detoxifier = open_detoxifier(spec);
    const float strength = spec.strength.value_or(detoxifier->default_strength());
    stack.detoxifiers.push_back({std::move(detoxifier), strength});
  }
  return stack;
}

}  // namespace limpid
