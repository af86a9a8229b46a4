#include "limpid/methods/self_debiasing/fit.h"

#include "limpid/decoding/prompts.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/self_debiasing/method.h"

namespace limpid::self_debiasing {

Json fit_self_debiasing(const Model& target, const DebiasingFit& fit) {
  LIMPID_CHECK(!fit.prefixes.empty(), ConfigError, "[fit] no descriptions, expected at least one");
  LIMPID_CHECK(SelfDebiasingMethod::kEpsilons.contains(fit.epsilon), ConfigError, "[fit] epsilon is ", fit.epsilon,
               ", expected ", SelfDebiasingMethod::kEpsilons.text());
  std::vector<std::string> prefixes = fit.prefixes;
  for (std::string& prefix : prefixes) {
    LIMPID_CHECK(!prefix.empty(), ConfigError, "[fit] a description is empty");
    if (prefix.back() != '\n') prefix += '\n';
  }
  encode_prefixes(target, prefixes, "[fit] ");
  DetoxifierInfo info = new_detoxifier(SelfDebiasingMethod::info, target, fit.strength, fit.provenance);
  info.settings = {{"prefixes", prefixes}, {"epsilon", fit.epsilon}};
  write_detoxifier(fit.output, info, {});
  return info.settings;
}

}  // namespace limpid::self_debiasing
