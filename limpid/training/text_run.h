#pragma once

#include "limpid/models/model.h"
#include "limpid/training/examples.h"
#include "limpid/training/trainer.h"

/// Common parts of the runs that teach a model from text.
namespace limpid {

/// Returns what tells a run from another: everything that changes a weight. Paths are not in it: a run may move with
/// its files. Settings that came later are in it only where they differ from what was fixed before.
Json settings_of(const TextRunOptions& options);

/// Returns the type of the products.
torch::ScalarType compute_type(const TextRunOptions& options);

/// Returns the SHA-256 of a model: of the file, or over the names and hashes of a folder's weights and config.
std::string model_sha256(const fs::path& path);

}  // namespace limpid
