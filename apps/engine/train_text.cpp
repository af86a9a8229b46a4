#include "apps/engine/train_text.h"

#include <sys/resource.h>

#include "apps/terminal.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/number_text.h"
#include "limpid/kernels/cpu.h"
#include "limpid/training/process_group.h"

namespace limpid::apps {

void fill(TextRunOptions& run, const TextTrainingFlags& flags) {
  if (is_further_process()) terminal().set_quiet(true);
  if (!flags.model.empty()) run.base = resolve_model(flags.model);
  run.data = {flags.data, flags.where, flags.fields};
  run.output = flags.output;
  // Without its own instructions bf16 is several times slower than f32.
  const bool bf16 =
      flags.compute == "auto" ? kernels::active_isa() == kernels::Isa::Avx512Bf16 : flags.compute == "bf16";
  run.compute = bf16 ? torch::kBFloat16 : torch::kFloat32;
  run.examples = {.max_length = flags.max_length, .end_token = !flags.no_end_token};
  run.holdout = flags.holdout;
  run.pack = flags.pack;
  run.recompute = flags.checkpoint_activations;
  run.epochs = flags.epochs;
  run.max_steps = flags.max_steps;
  run.batch = flags.batch;
  run.accumulate = flags.accumulate;
  run.adamw = {flags.learning_rate, flags.beta1, flags.beta2, flags.epsilon, flags.weight_decay};
  run.schedule = schedule_named(flags.schedule);
  run.warmup = flags.warmup;
  run.clip = flags.clip;
  run.eval_every = flags.eval_every;
  run.save_every = flags.save_every;
  run.patience = flags.patience;
  run.keep = flags.keep == "last" ? Keep::Last : flags.keep == "both" ? Keep::Both : Keep::Best;
  run.seed = flags.seed;
}

void fill(LoraOptions& run, const TrainLoraOptions& flags) {
  fill(static_cast<TextRunOptions&>(run), static_cast<const TextTrainingFlags&>(flags));
  run.adapter = {.rank = flags.rank,
                 .alpha = flags.alpha,
                 .dropout = flags.dropout,
                 .rank_stabilised = flags.rank_stabilised,
                 .target_modules = flags.target_modules};
  run.merge = flags.merge;
}

void say(const TrainingReport& report, const std::string& output) {
  const TrainingProgress& progress = report.progress;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  terminal().info(concat(
      report.already_done ? "already trained: "
      : progress.stopped  ? "stopped early: "
                          : "trained: ",
      output, ", ", thousands(uint64_t(progress.step)), " steps, ", thousands(uint64_t(progress.tokens)), " tokens at ",
      thousands(uint64_t(report.tokens_per_second + 0.5)), " tokens/s",
      progress.first_loss > 0
          ? concat("; held-out loss ", progress.first_loss, " -> ", progress.best_loss, " at step ", progress.best_step)
          : "",
      report.already_done ? "" : concat("; peak memory ", thousands(uint64_t(usage.ru_maxrss) >> 10), " MiB")));
}

}  // namespace limpid::apps
