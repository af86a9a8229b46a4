#pragma once

#include "limpid/models/model.h"
#include "limpid/training/examples.h"
#include "limpid/training/trainer.h"

/// What every run that teaches a model from text is told.
namespace limpid {

struct TextRunOptions : TrainerOptions {
  fs::path base;  ///< a GGUF file or a Hugging Face folder
  DataOptions data;
  torch::ScalarType compute = torch::kBFloat16;  ///< of products; master weights are float32
  ExampleOptions examples;
  double holdout = 0.02;   ///< share of rows for the held-out loss; 0 trains to the end and keeps the last weights
  bool pack = false;       ///< full windows of examples.max_length instead of padded texts
  bool recompute = false;  ///< forget activations in the blocks, and make them again in backward
};

/// How a run is told apart from another: everything that changes a weight. Paths are not in it: a run may move with its
/// files. Settings that came later are in it only where they differ from what was fixed before.
Json settings_of(const TextRunOptions& options);

/// SHA-256 of a model: of the file, or over the names and hashes of a folder's weights and config.
std::string model_sha256(const fs::path& path);

}  // namespace limpid
