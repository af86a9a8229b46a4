#include "apps/commands/fit_fusion.h"

#include <iostream>

#include "apps/engine/common.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/data/text_data.h"
#include "limpid/methods/fusion/fit.h"

namespace limpid::apps {

int run(const FitFusionCommand& options) {
  fusion::FusionFit fit = options.fit;
  fit.calibrator = resolve_model(fit.calibrator);
  if (fit.against) fit.against = resolve_model(*fit.against);
  if (!options.base.empty()) {
    fit.base = resolve_model(options.base);
    if (!fs::exists(options.base)) fit.base_name = options.base;
  }

  const auto model = open_model_for(options);
  if (!options.data.files.empty())
    for (const TextRow& row : read_text_data(options.data).rows)
      fit.texts.push_back(row.has_prompt ? row.prompt + "\n" + row.text : row.text);
  fit.provenance = fit_provenance(options.model, options.data.files);
  fit.provenance["calibrator"] = options.fit.calibrator.filename().string();
  if (fit.against) fit.provenance["against"] = options.fit.against->filename().string();

  const Json settings = fusion::fit_fusion(*model, fit, terminal());
  const Json& align = settings.at("align");
  std::cout << fit.output.string() << ": fusion, read-out " << settings.at("readout").get<std::string>()
            << ", alignment " << align.at("kind").get<std::string>() << ", " << thousands(fs::file_size(fit.output))
            << " bytes\n";
  if (align.contains("row_retrieval_accuracy"))
    std::cout << "  held-out tokens that find their own row among 10 others: "
              << percent(align.at("row_retrieval_accuracy").get<double>())
              << " (before: " << percent(align.at("row_retrieval_accuracy_before").get<double>()) << ")\n";
  if (align.contains("retrieval_accuracy"))
    std::cout << "  " << thousands(align.at("held_out_pairs").get<uint64_t>())
              << " held-out pairs of states: explained variance "
              << percent(align.at("explained_variance").get<double>()) << ", retrieval among 10 others "
              << percent(align.at("retrieval_accuracy").get<double>()) << "\n";
  return 0;
}

}  // namespace limpid::apps
