#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "limpid/methods/toxification_reversal/fit.h"

namespace limpid::apps {

int run_fit_reversal(const FitReversalOptions& options) {
  ReversalFit fit;
  fit.output = options.output;
  if (!options.prefix.empty()) fit.prefix = options.prefix;
  fit.exponents = {options.norm_exponent, options.similarity_exponent};
  fit.strength = float(options.strength);
  fit.provenance = fit_provenance(options.model, {});
  fit_toxification_reversal(*open_model_for(options), fit);
  std::cout << options.output << ": toxification reversal, strength " << options.strength << "\n";
  return 0;
}

}  // namespace limpid::apps
