#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <string>

#include "limpid/core/files.h"
#include "limpid/core/json.h"
#include "limpid/core/line_log.h"

/// The state that a training run needs to continue as if it had never stopped: one file, replaced as a whole.
namespace limpid {

struct TrainingProgress {
  int64_t step = 0;   ///< optimiser steps done
  int64_t epoch = 0;  ///< where the data stands: the next step is step `epoch_step` of this epoch
  int64_t epoch_step = 0;
  int64_t tokens = 0;        ///< seen, without padding
  int64_t targets = 0;       ///< of them, learnt
  double train_seconds = 0;  ///< without measuring and saving; for the report only
  double first_loss = 0;     ///< held-out loss before the first step, nats per token
  double best_loss = 0;
  int64_t best_step = -1;  ///< -1: nothing measured yet
  int64_t evaluations_without_best = 0;
  bool stopped = false;  ///< ended early, because the held-out loss no longer fell

  Json to_json() const;
  static TrainingProgress from_json(const Json& json, const std::string& source);
};

/// Writes `tensors` with settings and progress into FILE (safetensors), atomically.
void save_training_state(const fs::path& file, const std::map<std::string, torch::Tensor>& tensors,
                         const Json& settings, const TrainingProgress& progress);

/// Restores `tensors` in place. @throws MismatchError when the file was begun with other settings, saying what differs;
/// FormatError when tensors are missing or shaped otherwise.
TrainingProgress load_training_state(const fs::path& file, const std::map<std::string, torch::Tensor>& tensors,
                                     const Json& settings);

/// Returns "learning_rate: 0.0005 there, 0.001 now; seed: absent there, 2 now", empty when equal. Objects are compared
/// key by key.
std::string settings_difference(const Json& stored, const Json& now);

/// metrics.jsonl of a run: one object per line with "step". Opening it for a resumed run forgets what lies behind
/// `step`.
class MetricsLog {
 public:
  MetricsLog(const fs::path& file, int64_t step);
  void write(const Json& row);  ///< @throws IoError, leaving whole lines only

 private:
  LineLog log_;
};

}  // namespace limpid
