#include "limpid/methods/self_debiasing/fit.h"

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/target_signature.h"

namespace limpid {
namespace {

constexpr const char* kSelfDebiasing = "self-debiasing";

bool good_epsilon(double epsilon) { return epsilon > 0.0 && epsilon <= 1.0; }

}  // namespace

Json fit_self_debiasing(const Model& target, const DebiasingFit& fit) {
  LIMPID_CHECK(!fit.prefixes.empty(), ConfigError, "[fit] no descriptions, expected at least one");
  LIMPID_CHECK(good_epsilon(fit.epsilon), ConfigError, "[fit] epsilon is ", fit.epsilon,
               ", expected above 0 and at most 1");
  std::vector<std::string> prefixes = fit.prefixes;
  for (std::string& prefix : prefixes) {
    LIMPID_CHECK(!prefix.empty(), ConfigError, "[fit] a description is empty");
    if (prefix.back() != '\n') prefix += '\n';
  }
  encode_prefixes(target, prefixes, "[fit] ");
  DetoxifierInfo info;
  info.method = kSelfDebiasing;
  info.target = TargetSignature::of(target);
  info.settings = {{"prefixes", prefixes}, {"epsilon", fit.epsilon}};
  info.default_strength = double(fit.strength);
  info.strength_meaning =
      "lambda: nats taken from a token for each unit of probability that it gains behind a description";
  info.provenance = fit.provenance;
  write_detoxifier(fit.output, info, {});
  return info.settings;
}

std::shared_ptr<Detoxifier> load_self_debiasing(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec) {
  const std::string where = concat("[self_debiasing] ", file->path().string(), ": "), at = where + "settings";
  LIMPID_CHECK(spec.options.empty(), ConfigError, where, "option \"", spec.options.begin()->first,
               "\" is not known; there are none");
  const Json& settings = file->info().settings;
  const double epsilon = require<double>(settings, "epsilon", at);
  LIMPID_CHECK(good_epsilon(epsilon), FormatError, at, ": \"epsilon\" is ", epsilon,
               ", expected above 0 and at most 1");
  const auto listed = settings.find("prefixes");
  LIMPID_CHECK(listed != settings.end() && listed->is_array() && !listed->empty(), FormatError, at,
               ": \"prefixes\" is not a list of at least one text");
  std::vector<std::string> prefixes;
  for (const Json& prefix : *listed) {
    LIMPID_CHECK(prefix.is_string(), FormatError, at, ": \"prefixes\" holds ", json_kind(prefix), ", expected strings");
    prefixes.push_back(prefix.get<std::string>());
  }
  return file_detoxifier(std::move(file), kSelfDebiasing, [=](const Model& target) {
    return std::make_unique<DebiasingSession>(target, encode_prefixes(target, prefixes, where), epsilon);
  });
}

}  // namespace limpid
