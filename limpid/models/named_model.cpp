#include "limpid/models/named_model.h"

#include "limpid/checkpoints/model_store.h"

namespace limpid {

Precision precision_for(std::optional<Precision> given, const fs::path& path) {
  return given ? *given : natural_precision(*Checkpoint::open(path));
}

std::shared_ptr<Model> open_named_model(const std::string& name, const LoadOptions& options) {
  return open_model(resolve_model(name), options);
}

std::shared_ptr<Model> open_named_model(const std::string& name, std::optional<Precision> precision,
                                        nn::CacheType kv_cache) {
  const fs::path path = resolve_model(name);
  InferenceOptions options;
  options.precision = precision_for(precision, path);
  options.kv_cache = kv_cache;
  return open_model(path, options);
}

}  // namespace limpid
