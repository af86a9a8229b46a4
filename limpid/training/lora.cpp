#include "limpid/training/lora.h"

#include "limpid/models/save.h"
#include "limpid/training/lora_adapters.h"
#include "limpid/training/text_objective.h"

namespace limpid {
namespace {

Json adapter_settings(const PeftConfig& c) {
  return {{"rank", c.rank},
          {"alpha", c.alpha},
          {"dropout", c.dropout},
          {"target_modules", c.target_modules},
          {"rank_stabilised", c.rank_stabilised}};
}

/// Writes the base, opened anew in float32, with the change in its weights: what trained may be rounded to bfloat16.
void write_merged(const fs::path& base, const LoraAdapters& adapters, const fs::path& folder, const Json& about,
                  Watch& watch) {
  const auto model = open_model(base, TrainingOptions{});
  ModelChanges changes;
  torch::NoGradGuard no_grad;
  for (const auto& [name, change] : adapters.changes()) changes.tensors[name] = model->parameters().at(name) + change;
  save_hf_folder(*model, folder, {{"limpid", to_text(about)}}, changes, watch);
}

}  // namespace

TrainingReport train_adapter(const LoraOptions& options, const std::string& kind, const Json& more_settings,
                             const std::function<std::unique_ptr<Objective>(const Model& model)>& make_objective,
                             Watch& watch) {
  check_options(options, kind);
  Json settings = settings_of(options);
  settings["adapter"] = adapter_settings(options.adapter);
  settings.update(more_settings);
  if (auto report = finished_run(options, kind, settings)) return *report;

  PeftConfig config = options.adapter;
  config.base_model = options.base.string();
  LoraAdapters adapters(config, options.seed);
  const auto make = [&](const std::string& name, int64_t out, int64_t in) { return adapters.make(name, out, in); };
  const auto model = open_model(
      options.base,
      TrainingOptions{
          .compute = compute_type(options), .frozen = true, .recompute = options.recompute, .adapter = make});
  adapters.check_targets();
  adapters.check_storage(model->config());
  const auto objective = make_objective(*model);
  const auto write = [&](const fs::path& folder, const Json& about) {
    adapters.write(folder, model->config(), {{"limpid", to_text(about)}});
    if (options.merge) write_merged(options.base, adapters, folder / "merged", about, watch);
  };
  const auto before_pass = [&](int64_t step, int64_t pass) { adapters.set_pass(step, pass); };
  return train(options, {kind, settings, adapters.parameters(), *objective, write, before_pass}, watch);
}

TrainingReport train_lora(const LoraOptions& options, Watch& watch) {
  return train_adapter(
      options, "lora", Json::object(),
      [&](const Model& model) {
        return std::make_unique<TextObjective>(model, model.tokenizer().get(), options, watch);
      },
      watch);
}

}  // namespace limpid
