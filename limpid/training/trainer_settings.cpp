#include <cmath>

#include "limpid/training/trainer.h"

/// Which run is which: the checks before the first step.
namespace limpid {

void check_options(const TrainerOptions& o, const std::string& kind) {
  LIMPID_CHECK(o.epochs > 0 || o.max_steps > 0, ConfigError, "[", kind, "] neither epochs nor steps to train");
  LIMPID_CHECK(o.batch > 0 && o.accumulate > 0 && o.eval_every > 0 && o.save_every > 0, ConfigError, "[", kind,
               "] batch, accumulate, eval-every and save-every must be at least 1");
  LIMPID_CHECK(o.adamw.learning_rate > 0 && std::isfinite(o.adamw.learning_rate), ConfigError, "[", kind,
               "] learning rate ", o.adamw.learning_rate, ", expected above 0");
  LIMPID_CHECK(
      o.adamw.beta1 >= 0 && o.adamw.beta1 < 1 && o.adamw.beta2 >= 0 && o.adamw.beta2 < 1 && o.adamw.epsilon > 0,
      ConfigError, "[", kind, "] betas ", o.adamw.beta1, " and ", o.adamw.beta2, ", epsilon ", o.adamw.epsilon,
      "; expected betas in [0, 1) and epsilon above 0");
  LIMPID_CHECK(o.warmup >= 0 && o.clip >= 0 && o.patience >= 0 && o.max_steps >= 0 && o.adamw.weight_decay >= 0,
               ConfigError, "[", kind, "] warm-up, clip, patience, max-steps and weight decay must not be negative");
}

Json settings_of(const TrainerOptions& o) {
  Json settings = {{"epochs", o.epochs},
                   {"max_steps", o.max_steps},
                   {"batch", o.batch},
                   {"accumulate", o.accumulate},
                   {"learning_rate", o.adamw.learning_rate},
                   {"weight_decay", o.adamw.weight_decay},
                   {"warmup", o.warmup},
                   {"clip", o.clip},
                   {"eval_every", o.eval_every},
                   {"patience", o.patience},
                   {"seed", o.seed}};
  const AdamWOptions usual;
  if (o.adamw.beta1 != usual.beta1) settings["beta1"] = o.adamw.beta1;
  if (o.adamw.beta2 != usual.beta2) settings["beta2"] = o.adamw.beta2;
  if (o.adamw.epsilon != usual.epsilon) settings["epsilon"] = o.adamw.epsilon;
  if (o.schedule != Schedule::Linear) settings["schedule"] = name(o.schedule);
  if (o.keep != Keep::Best) settings["keep"] = name(o.keep);
  return settings;
}

namespace {

/// Reads what a run says of itself.
Json read_about(const fs::path& file) {
  Json about = read_json(file);
  LIMPID_CHECK(about.is_object() && about.contains("settings"), FormatError, file.string(),
               ": has no settings; delete it to start over");
  return about;
}

/// @throws MismatchError for another run than that with `kind` and `settings`.
void check_same_run(const fs::path& output, const Json& about, const std::string& kind, const Json& settings) {
  const std::string folder = output.string();
  LIMPID_CHECK(get_or<std::string>(about, "kind", kind, folder) == kind, MismatchError, folder, " holds a ",
               to_text(about["kind"]), ", expected a ", kind, "; choose another output folder");
  const std::string difference = settings_difference(about["settings"], settings);
  LIMPID_CHECK(difference.empty(), MismatchError, folder, " holds a ", kind,
               " trained with other settings: ", difference, "; choose another output folder");
}

}  // namespace

fs::path unfinished_run(const fs::path& output) { return output / "resume" / "run.json"; }

std::optional<TrainingReport> finished_run(const TrainerOptions& options, const std::string& kind,
                                           const Json& settings) {
  const fs::path file = options.output / "training.json", unfinished = unfinished_run(options.output);
  if (!fs::exists(file)) {
    const bool written =
        fs::exists(options.output / "config.json") || fs::exists(options.output / "adapter_config.json");
    LIMPID_CHECK(!written || fs::exists(unfinished), MismatchError, options.output.string(),
                 " holds a model that was not trained here (no training.json); choose another output folder");
    if (written)
      check_same_run(options.output, read_about(unfinished), kind, settings);  // it died before training.json
    return std::nullopt;
  }
  const Json about = read_about(file);
  LIMPID_CHECK(about.contains("result"), FormatError, file.string(), ": has no result; delete it to start over");
  check_same_run(options.output, about, kind, settings);
  TrainingReport report;
  report.progress = TrainingProgress::from_json(about["result"], file.string());
  report.total_steps = report.progress.step;
  report.tokens_per_second = get_or<double>(about["result"], "tokens_per_second", 0.0, file.string());
  report.already_done = true;
  std::error_code ignored;
  fs::remove_all(unfinished.parent_path(), ignored);  // where it died behind training.json
  return report;
}

}  // namespace limpid
