#include "limpid/methods/toxification_reversal/fit.h"

#include "limpid/decoding/prompts.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/toxification_reversal/method.h"

namespace limpid::toxification_reversal {
Json fit_toxification_reversal(const Model& target, const ReversalFit& fit) {
  LIMPID_CHECK(ReversalMethod::kExponents.contains(fit.exponents.norm) &&
                   ReversalMethod::kExponents.contains(fit.exponents.similarity),
               ConfigError, "[fit] exponents ", fit.exponents.norm, " and ", fit.exponents.similarity, ", expected ",
               ReversalMethod::kExponents.text());
  encode_prefixes(target, {fit.prefix}, "[fit] ");
  DetoxifierInfo info = new_detoxifier(ReversalMethod::info, target, fit.strength, fit.provenance);
  info.settings = {
      {"prefix", fit.prefix}, {"norm_exponent", fit.exponents.norm}, {"similarity_exponent", fit.exponents.similarity}};
  write_detoxifier(fit.output, info, {});
  return info.settings;
}

}  // namespace limpid::toxification_reversal
