#include "apps/commands/fit_destein.h"

#include <iostream>

#include "apps/engine/common.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/data/generations.h"
#include "limpid/data/pairs.h"
#include "limpid/methods/destein/fit.h"
#include "limpid/methods/destein/self_induced.h"
#include "limpid/methods/layer_range.h"

namespace limpid::apps {

namespace {

/// Makes pairs from the model itself, and writes them to --pairs-output where that is asked for.
std::vector<SteeringPair> self_induced(const FitDesteinCommand& options, const std::shared_ptr<const Model>& model) {
  LIMPID_CHECK(!options.prompts_file.empty(), ConfigError,
               "--self-induced needs --prompts FILE: what the model continues");
  LIMPID_CHECK(!options.rewriter.empty(), ConfigError,
               "--self-induced needs --rewriter MODEL: who writes the neutral texts");
  destein::SelfInducedPlan plan;
  static_cast<destein::SelfInducedOptions&>(plan) = options.induced;
  plan.model = model;
  InferenceOptions load;
  load.precision = model->precision();
  plan.rewriter = resolve_model(options.rewriter) == model->path() ? model : open_named_model(options.rewriter, load);
  plan.scorer = open_scorer(options.scorer);
  for (PromptRow& prompt : read_prompts(options.prompts_file)) plan.prompts.push_back(std::move(prompt.text));
  if (options.limit > 0 && size_t(options.limit) < plan.prompts.size()) plan.prompts.resize(size_t(options.limit));
  plan.stop_tokens = end_tokens(*model);
  plan.rewriter_stop_tokens = end_tokens(*plan.rewriter);
  plan.pairs = options.count;
  plan.seed = options.fit.seed;
  destein::SelfInducedPairs result = destein::self_induced_pairs(plan, terminal());
  terminal().info(concat(result.pairs.size(), " pairs from ", thousands(result.continuations),
                         " continuations, of which ", thousands(result.toxic),
                         " were toxic (at most two of a prompt) and ", thousands(result.rewritten), " rewritten"));
  if (!options.pairs_output.empty()) {
    std::string lines;
    for (const SteeringPair& pair : result.pairs)
      lines += to_text(Json{{"toxic", pair.toxic}, {"neutral", pair.neutral}}) + "\n";
    write_file(options.pairs_output, lines);
  }
  return std::move(result.pairs);
}

}  // namespace

int run(const FitDesteinCommand& options) {
  destein::SteeringFit fit = options.fit;
  if (!options.layers.empty()) std::tie(fit.first_layer, fit.last_layer) = parse_layers(options.layers, "--");
  LIMPID_CHECK(options.self_induced || !options.pairs.files.empty(), ConfigError,
               "no pairs: give --pairs FILE or --self-induced");
  if (!options.self_induced) fit.pairs = draw_pairs(read_pairs(options.pairs), size_t(options.count), fit.seed);
  fit.provenance = fit_provenance(
      options.model, options.self_induced ? std::vector<std::string>{options.prompts_file} : options.pairs.files);
  if (options.self_induced) fit.provenance["rewriter"] = fs::path(options.rewriter).filename().string();

  const auto model = open_model_for(options);
  if (options.self_induced) fit.pairs = self_induced(options, model);
  const Json settings = destein::fit_destein(*model, fit, terminal());
  const Json& probes = settings.at("probes");
  std::cout << fit.output.string() << ": destein, " << settings.at("directions").get<std::string>() << " directions at "
            << settings.at("tap").get<std::string>() << ", rule " << settings.at("rule").get<std::string>() << ", from "
            << fit.pairs.size() << " pairs, " << thousands(fs::file_size(fit.output))
            << " bytes\n  probes: mean accuracy " << percent(probes.at("mean_accuracy").get<double>()) << ", best "
            << percent(probes.at("best_accuracy").get<double>()) << ", heads at chance "
            << probes.at("heads_at_chance").get<int64_t>() << "\n";
  return 0;
}

}  // namespace limpid::apps
