#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/log.h"
#include "limpid/kernels/cpu.h"
#include "limpid/training/calibrator.h"

namespace limpid::apps {

int run_train_calibrator(const TrainCalibratorOptions& options) {
  CalibratorOptions train;
  train.base = resolve_model(options.model);
  train.data = {options.data, options.where, options.fields};
  train.output = options.output;
  train.layers = options.layers;
  // Without its own instructions bf16 is several times slower than f32.
  const bool bf16 = options.compute == "auto" ? kernels::active_isa() == kernels::Isa::Avx512Bf16 : options.compute == "bf16";
  train.compute = bf16 ? torch::kBFloat16 : torch::kFloat32;
  train.examples = {.max_length = options.max_length, .end_token = !options.no_end_token};
  train.holdout = options.holdout;
  train.epochs = options.epochs;
  train.max_steps = options.max_steps;
  train.batch = options.batch;
  train.accumulate = options.accumulate;
  train.adamw = {.learning_rate = options.learning_rate, .weight_decay = options.weight_decay};
  train.warmup = options.warmup;
  train.clip = options.clip;
  train.eval_every = options.eval_every;
  train.save_every = options.save_every;
  train.patience = options.patience;
  train.train_embeddings = options.train_embeddings;
  train.seed = options.seed;

  const CalibratorReport report = train_calibrator(train);
  const TrainingProgress& progress = report.progress;
  log_info(concat(report.already_done ? "already trained: " : progress.stopped ? "stopped early: " : "trained: ", options.output, ", ",
                  thousands(uint64_t(progress.step)), " steps, ", thousands(uint64_t(progress.tokens)), " tokens at ",
                  thousands(uint64_t(report.tokens_per_second + 0.5)), " tokens/s; held-out loss ", progress.first_loss, " -> ",
                  progress.best_loss, " at step ", progress.best_step));
  return 0;
}

}  // namespace limpid::apps
