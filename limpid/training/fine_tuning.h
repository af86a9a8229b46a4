#pragma once

#include "limpid/training/text_run.h"

/// Full fine-tuning of a language model on texts, or training one from random weights.
namespace limpid {

/// Leaves an ordinary Hugging Face folder besides what train() writes (trainer.h, which also lists the errors).
TrainingReport fine_tune(const FineTuningOptions& options, Watch& watch = unwatched());

}  // namespace limpid
