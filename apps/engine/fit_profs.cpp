#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "apps/terminal.h"
#include "limpid/core/number_text.h"
#include "limpid/data/pairs.h"
#include "limpid/methods/layer_range.h"
#include "limpid/methods/profs/fit.h"

namespace limpid::apps {

int run_fit_profs(const FitProfsOptions& options) {
  ProfsFit fit;
  fit.output = options.output;
  fit.k = options.k;
  fit.max_tokens = options.max_tokens;
  fit.seed = options.seed;
  if (!options.layers.empty()) std::tie(fit.first_layer, fit.last_layer) = parse_layers(options.layers, "--");
  if (options.strength) fit.strength = float(*options.strength);
  fit.pairs =
      draw_pairs(read_pairs({options.pairs, options.where, options.fields}), size_t(options.count), options.seed);
  fit.provenance = fit_provenance(options.model, options.pairs);

  const auto model = open_model_for(options);
  const Json settings = fit_profs(*model, fit, terminal());
  const int64_t first = settings.at("first_layer"), layers = settings.at("layers");
  std::cout << options.output << ": profs, " << settings.at("k").get<int64_t>() << " dimensions in each of the layers "
            << first << " to " << first + layers - 1 << ", from " << fit.pairs.size() << " pairs, "
            << thousands(fs::file_size(options.output)) << " bytes\n";
  return 0;
}

}  // namespace limpid::apps
