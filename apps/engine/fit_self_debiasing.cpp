#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "limpid/methods/self_debiasing/fit.h"

namespace limpid::apps {

int run_fit_debiasing(const FitDebiasingOptions& options) {
  DebiasingFit fit;
  fit.output = options.output;
  if (!options.prefixes.empty()) fit.prefixes = options.prefixes;
  fit.epsilon = options.epsilon;
  fit.strength = float(options.strength);
  fit.provenance = fit_provenance(options.model, {});
  fit_self_debiasing(*open_model_for(options), fit);
  std::cout << options.output << ": self-debiasing, " << fit.prefixes.size()
            << (fit.prefixes.size() == 1 ? " description" : " descriptions") << ", lambda " << options.strength << "\n";
  return 0;
}

}  // namespace limpid::apps
