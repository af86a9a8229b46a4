#include "limpid/methods/destein/fit.h"

#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "limpid/core/log.h"

namespace limpid::apps {

int run_fit_destein(const FitDesteinOptions& options) {
  SteeringFit fit;
  fit.output = options.output;
  fit.tap = parse_tap(options.tap);
  fit.directions = parse_direction_kind(options.directions);
  fit.rule = parse_rule(options.rule);
  fit.positions = parse_positions(options.positions);
  fit.framing = {!options.no_prefixes, options.chat, options.window};
  fit.probes.folds = options.folds;
  fit.probes.C = options.C;
  fit.seed = options.seed;
  if (!options.layers.empty()) std::tie(fit.first_layer, fit.last_layer) = parse_layers(options.layers, "--");
  if (options.strength >= 0.0) fit.strength = float(options.strength);
  LIMPID_CHECK(!options.pairs.empty(), ConfigError, "no pairs: give --pairs FILE or --self-induced");
  fit.pairs = draw_pairs(read_pairs({options.pairs, options.where, options.fields}), size_t(options.count), options.seed);
  fit.provenance = fit_provenance(options, options.pairs);

  const auto model = open_model_for(options);
  const Json settings = fit_destein(*model, fit);
  const Json& probes = settings.at("probes");
  std::cout << options.output << ": destein, " << settings.at("directions").get<std::string>() << " directions at " << settings.at("tap").get<std::string>()
            << ", rule " << settings.at("rule").get<std::string>() << ", from " << fit.pairs.size() << " pairs, " << thousands(fs::file_size(options.output))
            << " bytes\n  probes: mean accuracy " << percent(probes.at("mean_accuracy").get<double>()) << ", best " << percent(probes.at("best_accuracy").get<double>())
            << ", heads at chance " << probes.at("heads_at_chance").get<int64_t>() << "\n";
  return 0;
}

}  // namespace limpid::apps
