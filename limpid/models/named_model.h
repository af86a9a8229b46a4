#pragma once

#include <memory>
#include <optional>
#include <string>

#include "limpid/models/model.h"

/// Models as a person names them.
namespace limpid {

/// Returns the given precision; without one, as precise as the weights at `path` are (natural_precision).
Precision precision_for(std::optional<Precision> given, const fs::path& path);

/// Opens a path (a Hugging Face folder, a GGUF file) or the name of a pulled model (checkpoints/model_store.h).
std::shared_ptr<Model> open_named_model(const std::string& name, const LoadOptions& options);
std::shared_ptr<Model> open_named_model(const std::string& name, std::optional<Precision> precision = std::nullopt,
                                        nn::CacheType kv_cache = nn::CacheType::F32);

}  // namespace limpid
