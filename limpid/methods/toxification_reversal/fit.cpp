#include "limpid/methods/toxification_reversal/fit.h"

#include <cmath>

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/target_signature.h"

namespace limpid {
namespace {

constexpr const char* kToxificationReversal = "toxification-reversal";

bool good_exponent(double exponent) { return std::isfinite(exponent) && exponent >= 0.0; }

}  // namespace

Json fit_toxification_reversal(const Model& target, const ReversalFit& fit) {
  LIMPID_CHECK(good_exponent(fit.exponents.norm) && good_exponent(fit.exponents.similarity), ConfigError,
               "[fit] exponents ", fit.exponents.norm, " and ", fit.exponents.similarity, ", expected 0 or more");
  encode_prefixes(target, {fit.prefix}, "[fit] ");
  DetoxifierInfo info;
  info.method = kToxificationReversal;
  info.target = TargetSignature::of(target);
  info.settings = {
      {"prefix", fit.prefix}, {"norm_exponent", fit.exponents.norm}, {"similarity_exponent", fit.exponents.similarity}};
  info.default_strength = double(fit.strength);
  info.strength_meaning = "factor on what the toxic description does to the heads; 1 is the paper's";
  info.provenance = fit.provenance;
  write_detoxifier(fit.output, info, {});
  return info.settings;
}

std::shared_ptr<Detoxifier> load_toxification_reversal(std::shared_ptr<const DetoxifierFile> file,
                                                       const DetoxSpec& spec) {
  const std::string where = concat("[toxification_reversal] ", file->path().string(), ": "), at = where + "settings";
  LIMPID_CHECK(spec.options.empty(), ConfigError, where, "option \"", spec.options.begin()->first,
               "\" is not known; there are none");
  const Json& settings = file->info().settings;
  const std::string prefix = require<std::string>(settings, "prefix", at);
  const ReversalExponents exponents{require<double>(settings, "norm_exponent", at),
                                    require<double>(settings, "similarity_exponent", at)};
  LIMPID_CHECK(good_exponent(exponents.norm) && good_exponent(exponents.similarity), FormatError, at, ": exponents ",
               exponents.norm, " and ", exponents.similarity, ", expected 0 or more");
  return file_detoxifier(std::move(file), kToxificationReversal, [=](const Model& target) {
    return std::make_unique<ReversalSession>(target, encode_prefixes(target, {prefix}, where).front(), exponents);
  });
}

}  // namespace limpid
