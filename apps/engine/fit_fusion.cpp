#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "apps/terminal.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/number_text.h"
#include "limpid/data/text_data.h"
#include "limpid/methods/fusion/fit.h"

namespace limpid::apps {
namespace {

CalibratorStore parse_store(const std::string& text) {
  if (text == "embed") return CalibratorStore::Embed;
  if (text == "link") return CalibratorStore::Link;
  LIMPID_CHECK(text == "auto", ConfigError, "--store ", text, ", expected auto, embed or link");
  return CalibratorStore::Auto;
}

}  // namespace

int run_fit_fusion(const FitFusionOptions& options) {
  FusionFit fit;
  fit.calibrator = resolve_model(options.calibrator);
  fit.output = options.output;
  if (!options.against.empty()) fit.against = resolve_model(options.against);
  if (!options.base.empty()) {
    fit.base = resolve_model(options.base);
    if (!fs::exists(options.base)) fit.base_name = options.base;
  }
  fit.readout = parse_readout(options.readout);
  fit.alignment = parse_alignment(options.align);
  fit.store = parse_store(options.store);
  fit.pairs = options.pairs;
  fit.lambda = options.lambda;
  fit.temperature = options.temperature;
  fit.seed = options.seed;
  if (options.strength) fit.strength = float(*options.strength);

  const auto model = open_model_for(options);
  if (!options.data.empty())
    for (const TextRow& row : read_text_data({options.data, options.where, options.fields}).rows)
      fit.texts.push_back(row.has_prompt ? row.prompt + "\n" + row.text : row.text);
  fit.provenance = fit_provenance(options.model, options.data);
  fit.provenance["calibrator"] = fs::path(options.calibrator).filename().string();
  if (fit.against) fit.provenance["against"] = fs::path(options.against).filename().string();

  const Json settings = fit_fusion(*model, fit, terminal());
  const Json& align = settings.at("align");
  std::cout << options.output << ": fusion, read-out " << settings.at("readout").get<std::string>() << ", alignment "
            << align.at("kind").get<std::string>() << ", " << thousands(fs::file_size(options.output)) << " bytes\n";
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
