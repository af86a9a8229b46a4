#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "limpid/methods/gedi/fit.h"

namespace limpid::apps {

int run_fit_gedi(const FitGediOptions& options) {
  GediFit fit;
  fit.output = options.output;
  fit.guide = options.guide;
  fit.codes = {options.clean, options.dirty};
  fit.rule = {.scale = options.scale,
              .bias = {options.bias.at(0), options.bias.at(1)},
              .class_bias = options.class_bias,
              .filter_p = options.filter_p,
              .target_p = options.target_p};
  fit.strength = float(options.strength);
  fit.provenance = fit_provenance(options.model, {});
  fit.provenance["guide"] = fit.guide.filename().string();
  const Json settings = fit_gedi(*open_model_for(options), fit);
  std::cout << options.output << ": gedi, codes " << to_text(settings.at("clean")) << " and "
            << to_text(settings.at("dirty")) << ", omega " << options.strength << "\n";
  return 0;
}

}  // namespace limpid::apps
