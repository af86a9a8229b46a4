#pragma once

#include <memory>
#include <string>

#include "limpid/models/model.h"

/// Models as a person names them.
namespace limpid {

/// Reads "exact", "bf16", "int8", or "auto": as precise as the weights at `path` are (natural_precision).
/// @throws ConfigError for another text.
Precision parse_precision(const std::string& text, const fs::path& path);

/// Opens a path (a Hugging Face folder, a GGUF file) or the name of a pulled model (checkpoints/model_store.h).
std::shared_ptr<Model> open_named_model(const std::string& name, const LoadOptions& options);
std::shared_ptr<Model> open_named_model(const std::string& name, const std::string& precision = "auto");

}  // namespace limpid
