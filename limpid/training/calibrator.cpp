#include "limpid/training/calibrator.h"

#include "limpid/models/save.h"
#include "limpid/training/text_objective.h"

namespace limpid {

CalibratorReport train_calibrator(const CalibratorOptions& options, Watch& watch) {
  check_options(options, "calibrator");
  Json settings = settings_of(options);
  settings["layers"] = options.layers;
  settings["train_embeddings"] = options.train_embeddings;
  if (auto report = finished_run(options, "calibrator", settings)) return *report;

  const auto model = open_model(
      options.base,
      TrainingOptions{.compute = compute_type(options), .layers = options.layers, .recompute = options.recompute});
  if (!options.train_embeddings) freeze_embeddings(*model);
  const TextObjective objective(*model, model->tokenizer().get(), options, watch);
  const auto write = [&](const fs::path& folder, const Json& about) {
    save_hf_folder(*model, folder, {{"limpid", to_text(about)}}, {}, watch);
  };
  return train(options, {"calibrator", settings, model->parameters(), objective, write, nullptr}, watch);
}

}  // namespace limpid
