#pragma once

#include "limpid/training/text_run.h"

/// Full fine-tuning of a language model on texts, or training one from random weights.
namespace limpid {

struct FineTuningOptions : TextRunOptions {
  bool freeze_embeddings = false;  ///< token embeddings and output matrix stay as they are
  fs::path init;       ///< instead of `base`: a config.json, for a model with random weights (fresh_weights.h)
  fs::path tokenizer;  ///< with `init`: a folder, a tokenizer.json, or a GGUF file
};

/// Leaves an ordinary Hugging Face folder besides what train() writes (trainer.h, which also lists the errors).
TrainingReport fine_tune(const FineTuningOptions& options, Watch& watch = unwatched());

}  // namespace limpid
