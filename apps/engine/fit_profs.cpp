#include "apps/commands/fit_profs.h"

#include <iostream>

#include "apps/engine/common.h"
#include "limpid/data/pairs.h"
#include "limpid/methods/layer_range.h"
#include "limpid/methods/profs/fit.h"
#include "limpid/methods/profs/method.h"

namespace limpid::apps {

int run(const FitProfsCommand& options) {
  profs::ProfsFit fit = options.fit;
  if (!options.layers.empty()) std::tie(fit.first_layer, fit.last_layer) = parse_layers(options.layers, "--");
  fit.pairs = draw_pairs(read_pairs(options.pairs), size_t(options.count), fit.seed);
  fit.provenance = fit_provenance(options.model, options.pairs.files);

  const auto model = open_model_for(options);
  const Json settings = profs::fit_profs(*model, fit, terminal());
  const int64_t first = settings.at("first_layer"), layers = settings.at("layers");
  if (fit.strength.value_or(*profs::ProfsMethod::info.strength.usual) > 0.5f)
    terminal().warning(
        "on the models measured ProFS above 0.5 costs more perplexity than it lowers toxicity (docs/results.md); "
        "limpid "
        "detox makes a detoxifier that was measured");
  std::cout << fit.output.string() << ": profs, " << settings.at("k").get<int64_t>()
            << " dimensions in each of the layers " << first << " to " << first + layers - 1 << ", from "
            << fit.pairs.size() << " pairs, " << thousands(fs::file_size(fit.output)) << " bytes\n";
  return 0;
}

}  // namespace limpid::apps
