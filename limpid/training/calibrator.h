#pragma once

#include <functional>

#include "limpid/models/model.h"
#include "limpid/training/examples.h"
#include "limpid/training/optimizer.h"
#include "limpid/training/training_state.h"

/// Training of a calibration model: the first layers of a base model with its embeddings, final norm and output matrix,
/// taught to continue with safe (or, for a toxic twin, toxic) text. methods.md 1.2 step 1 and 1.7; arXiv 2506.01266.
namespace limpid {

struct CalibratorOptions {
  fs::path base;                          ///< a GGUF file or a Hugging Face folder
  DataOptions data;
  fs::path output;                        ///< folder to write
  int64_t layers = 3;
  torch::ScalarType compute = torch::kBFloat16;   ///< of products; master weights are float32
  ExampleOptions examples;
  double holdout = 0.02;                  ///< share of rows for the held-out loss; 0 trains to the end and keeps the last weights
  int64_t epochs = 1, max_steps = 0;      ///< max_steps 0: no limit besides epochs
  int64_t batch = 16, accumulate = 1;     ///< sequences per pass, passes per step
  AdamWOptions adamw;
  int64_t warmup = 50;                    ///< steps
  double clip = 1.0;                      ///< largest gradient norm; 0 is off
  int64_t eval_every = 100, save_every = 200, patience = 3;   ///< patience 0: no early stop
  bool train_embeddings = false;          ///< embeddings and output matrix are frozen by default, and stay those of the base
  uint64_t seed = 1;
  std::function<void(int64_t step)> after_step;   ///< for tests; an exception ends the run as a crash would
};

struct CalibratorReport {
  TrainingProgress progress;
  int64_t total_steps = 0;
  double tokens_per_second = 0;           ///< tokens without padding over training time, measuring and saving left out
  bool resumed = false, already_done = false;
};

/// Trains, and writes into `output`:
///   config.json, model.safetensors, tokenizer.json, …   an ordinary Hugging Face folder with the weights of the best held-out loss
///   metrics.jsonl        {"step", "loss", "gradient_norm", "learning_rate", "tokens"} and {"step", "held_out_loss"}
///   training.json        settings, data hashes and result
///   resume/state.safetensors   while it runs: a rerun with the same options continues from it, to the same bits
///
/// The loss of a step is the mean over all target tokens of its passes. Ctrl-C saves the state and throws Interrupted.
/// @throws MismatchError when `output` holds a run with other settings, naming them; ConfigError for options that make no sense
///         and when a gradient is not finite.
CalibratorReport train_calibrator(const CalibratorOptions& options);

}  // namespace limpid
