#include "apps/commands/fit_model_surgery.h"

#include <iostream>

#include "apps/engine/common.h"
#include "limpid/core/random.h"
#include "limpid/data/labelled_text.h"
#include "limpid/methods/model_surgery/fit.h"

namespace limpid::apps {

int run(const FitModelSurgeryCommand& options) {
  model_surgery::SurgeryFit fit = options.fit;
  LabelledData data = read_labelled(options.data, fit.seed);
  RandomStream(fit.seed, /*stream=*/0x73757267).shuffle(data.rows);
  int64_t taken[2] = {0, 0};
  for (const LabelledText& row : data.rows) {
    if (row.text.empty() || taken[row.toxic()] == options.count) continue;
    ++taken[row.toxic()];
    fit.texts.push_back(row.text);
    fit.labels.push_back(row.toxic() ? 1 : 0);
  }
  LIMPID_CHECK(taken[0] > 0 && taken[1] > 0, ConfigError, "the data has ", taken[1], " toxic and ", taken[0],
               " safe texts, expected some of both");
  fit.provenance = fit_provenance(options.model, options.data.files);

  const auto model = open_model_for(options);
  const Json settings = model_surgery::fit_model_surgery(*model, fit, terminal());
  const Json& accuracy = settings.at("probe").at("held_out_accuracy");
  std::cout << fit.output.string() << ": model-surgery, " << thousands(settings.at("rows")) << " of "
            << thousands(settings.at("of_rows")) << " rows of " << settings.at("matrix").get<std::string>() << ", from "
            << taken[1] << " toxic and " << taken[0] << " safe texts, " << thousands(fs::file_size(fit.output))
            << " bytes\n  probe: accuracy on held-out texts "
            << (accuracy.is_null() ? "not measured" : percent(accuracy.get<double>())) << "; -cos(row, direction) "
            << settings.at("best_score").get<double>() << " to " << settings.at("worst_score").get<double>() << "\n";
  return 0;
}

}  // namespace limpid::apps
