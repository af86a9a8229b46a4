#include "apps/commands/fit_sasa.h"

#include <iostream>

#include "apps/engine/common.h"
#include "limpid/core/random.h"
#include "limpid/data/labelled_text.h"
#include "limpid/methods/sasa/fit.h"

namespace limpid::apps {

int run(const FitSasaCommand& options) {
  sasa::SasaFit fit = options.fit;
  LabelledData data = read_labelled(options.data, options.seed);
  RandomStream(options.seed, /*stream=*/0x73617361).shuffle(data.rows);
  for (LabelledText& row : data.rows) {
    auto& texts = row.toxic() ? fit.toxic : fit.nontoxic;
    if (int64_t(texts.size()) < options.count) texts.push_back(std::move(row.text));
  }
  fit.provenance = fit_provenance(options.model, {});
  fit.provenance["data"] = data.files;
  fit.provenance["seed"] = options.seed;

  const Json settings = sasa::fit_sasa(*open_model_for(options), fit, terminal());
  std::cout << fit.output.string() << ": sasa, " << fit.nontoxic.size() << " non-toxic and " << fit.toxic.size()
            << " toxic texts, rank " << settings.at("rank").get<int64_t>() << ", default strength "
            << fit.strength.value_or(settings.at("odds").get<float>())
            << "\n  on texts held out: " << percent(settings.at("held_out_accuracy").get<double>())
            << " on their own side\n";
  return 0;
}

}  // namespace limpid::apps
