#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "limpid/methods/dexperts/fit.h"

namespace limpid::apps {

int run_fit_dexperts(const FitExpertsOptions& options) {
  ExpertsFit fit;
  fit.output = options.output;
  fit.anti = options.anti;
  if (!options.expert.empty()) fit.expert = options.expert;
  fit.mask = TokenMask::parse(options.mask, "--mask: ");
  fit.strength = float(options.strength);
  fit.provenance = fit_provenance(options.model, {});
  fit.provenance["anti"] = fit.anti.filename().string();
  if (fit.expert) fit.provenance["expert"] = fit.expert->filename().string();
  fit_dexperts(*open_model_for(options), fit);
  std::cout << options.output << ": dexperts, " << (fit.expert ? "expert and anti-expert" : "anti-expert alone")
            << ", mask " << fit.mask.text() << ", alpha " << options.strength << "\n";
  return 0;
}

}  // namespace limpid::apps
