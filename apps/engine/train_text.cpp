#include <sys/resource.h>

#include <csignal>

#include "apps/commands/train.h"
#include "apps/terminal.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/number_text.h"
#include "limpid/training/calibrator.h"
#include "limpid/training/contrastive_perplexity.h"
#include "limpid/training/fine_tuning.h"
#include "limpid/training/lora.h"
#include "limpid/training/process_group.h"

/// The commands that teach a model from text.
namespace limpid::apps {
namespace {

const char* outcome(const TrainingReport& report) {
  if (report.already_done) return "already trained: ";
  return report.progress.stopped ? "stopped early: " : "trained: ";
}

void log_report(const TrainingReport& report, const fs::path& output) {
  const TrainingProgress& progress = report.progress;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  terminal().info(concat(
      outcome(report), output.string(), ", ", thousands(uint64_t(progress.step)), " steps, ",
      thousands(uint64_t(progress.tokens)), " tokens at ", thousands(uint64_t(report.tokens_per_second + 0.5)),
      " tokens/s",
      progress.first_loss > 0
          ? concat("; held-out loss ", progress.first_loss, " -> ", progress.best_loss, " at step ", progress.best_step)
          : "",
      report.already_done ? "" : concat("; peak memory ", thousands(uint64_t(usage.ru_maxrss) >> 10), " MiB")));
}

/// Runs `train` on the base that the command line names; in all processes but the first, messages stop.
template <class Options>
int train_on(const ModelOptions& model, Options training, TrainingReport (*train)(const Options&, Watch&)) {
  if (is_further_process()) terminal().set_quiet(true);
  std::signal(SIGPIPE, SIG_IGN);  // a lost process is an error of the next sum, which says so, not the end of this one
  if (!model.model.empty()) training.base = resolve_model(model.model);
  log_report(train(training, terminal()), training.output);
  return 0;
}

}  // namespace

int run(const TrainCalibratorCommand& options) { return train_on(options, options.training, train_calibrator); }
int run(const TrainLmCommand& options) { return train_on(options, options.training, fine_tune); }
int run(const TrainLoraCommand& options) { return train_on(options, options.training, train_lora); }
int run(const TrainContrastiveCommand& options) {
  return train_on(options, options.training, train_contrastive_perplexity);
}

}  // namespace limpid::apps
