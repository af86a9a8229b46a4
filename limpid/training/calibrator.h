#pragma once

#include "limpid/training/text_run.h"

/// Training of a calibration model: the first layers of a base model with its embeddings, final norm and output matrix,
/// taught to continue with safe (or, for a toxic twin, toxic) text. docs/methods.md, Calibrator; arXiv:2506.01266.
namespace limpid {

struct CalibratorOptions : TextRunOptions {
  int64_t layers = 3;
  bool train_embeddings = false;  ///< embeddings and output matrix are frozen by default, and stay those of the base
};

using CalibratorReport = TrainingReport;

/// Leaves an ordinary Hugging Face folder besides what train() writes (trainer.h, which also lists the errors).
CalibratorReport train_calibrator(const CalibratorOptions& options, Watch& watch = unwatched());

}  // namespace limpid
