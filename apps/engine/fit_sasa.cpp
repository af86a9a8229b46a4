#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "apps/terminal.h"
#include "limpid/core/random.h"
#include "limpid/data/labelled_text.h"
#include "limpid/methods/sasa/fit.h"

namespace limpid::apps {

int run_fit_sasa(const FitSasaOptions& options) {
  SasaFit fit;
  fit.output = options.output;
  LabelledData data = read_labelled({options.data, options.where, options.fields}, options.seed);
  RandomStream(options.seed, /*stream=*/0x73617361).shuffle(data.rows);
  for (LabelledText& row : data.rows) {
    auto& texts = row.toxic() ? fit.toxic : fit.nontoxic;
    if (int64_t(texts.size()) < options.count) texts.push_back(std::move(row.text));
  }
  fit.max_tokens = options.max_tokens;
  fit.subspace.shrinkage = options.shrinkage;
  fit.rule = parse_sasa_rule(options.variant, "--");
  fit.candidates = options.candidates;
  if (options.strength) fit.strength = float(*options.strength);
  fit.provenance = fit_provenance(options.model, {});
  fit.provenance["data"] = data.files;
  fit.provenance["seed"] = options.seed;

  const Json settings = fit_sasa(*open_model_for(options), fit, terminal());
  std::cout << options.output << ": sasa, " << fit.nontoxic.size() << " non-toxic and " << fit.toxic.size()
            << " toxic texts, rank " << settings.at("rank").get<int64_t>() << ", default strength "
            << fit.strength.value_or(settings.at("odds").get<float>())
            << "\n  on texts held out: " << percent(settings.at("held_out_accuracy").get<double>())
            << " on their own side\n";
  return 0;
}

}  // namespace limpid::apps
