#pragma once

#include <functional>

#include "limpid/core/watch.h"
#include "limpid/training/objective.h"
#include "limpid/training/optimizer.h"
#include "limpid/training/training_state.h"

/// The one training loop: batches, AdamW with warm-up and decay, accumulation, clipping, held-out loss, early stop,
/// several processes, resume to the same bits. What is trained, on what, and what is left behind is a TrainingTask.
namespace limpid {

struct TrainingTask {
  std::string kind;                                 ///< "calibrator", in messages and training.json
  Json settings;                                    ///< everything that changes a weight
  std::map<std::string, torch::Tensor> parameters;  ///< float32; those that ask for a gradient are trained
  const Objective& objective;
  /// Writes the model as it stands. `about` (settings and result) goes into the file's metadata.
  std::function<void(const fs::path& folder, const Json& about)> write;
  /// Called before each forward pass, for dropout: the pass of a step, counted over all processes; pass -1 when
  /// measuring. May be empty.
  std::function<void(int64_t step, int64_t pass)> before_pass;
};

struct TrainingReport {
  TrainingProgress progress;
  int64_t total_steps = 0;
  double tokens_per_second = 0;  ///< tokens without padding over training time, measuring and saving left out
  bool resumed = false, already_done = false;
};

/// Trains, and writes into `options.output`:
/// - what the task writes, with the weights to keep (Keep::Both: the best here, the last in the folder `last`);
/// - metrics.jsonl: {"step", "held_out_loss"} and
///   {"step", "loss", "gradient_norm", "learning_rate", "tokens", "seconds"};
/// - training.json: settings, data hashes and result;
/// - resume/run.json and state.safetensors, while it runs: a rerun with the same options continues from it, to the same
/// bits.
///
/// The loss of a step is the mean over all targets of its passes. Under torchrun (process_group.h) the passes of a step
/// and of the held-out loss are dealt out to the processes and gradients are summed; the first process writes. A run
/// that is asked to stop saves its state and throws Interrupted.
/// @throws MismatchError when `output` holds a run with other settings, naming them; ConfigError for options that make
/// no sense and when a gradient is not finite; IoError when another process of the run is gone, and when another run
/// works in `output`.
TrainingReport train(const TrainerOptions& options, const TrainingTask& task, Watch& watch = unwatched());

/// Returns the file that says which run works in a folder until training.json does: {"format", "kind", "settings"}.
fs::path unfinished_run(const fs::path& output);

/// Returns the report of a finished run in `options.output`, if there is one. Ask before a model is loaded.
/// @throws MismatchError when it was another run.
std::optional<TrainingReport> finished_run(const TrainerOptions& options, const std::string& kind,
                                           const Json& settings);

void check_options(const TrainerOptions& options, const std::string& kind);
Json settings_of(const TrainerOptions& options);  ///< those that change a weight

}  // namespace limpid
