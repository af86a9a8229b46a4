#include "limpid/models/named_model.h"

#include "limpid/checkpoints/model_store.h"

namespace limpid {

Precision parse_precision(const std::string& text, const fs::path& path) {
  if (text == "auto") return natural_precision(*Checkpoint::open(path));
  if (text == "exact") return Precision::Exact;
  if (text == "bf16") return Precision::BF16;
  LIMPID_CHECK(text == "int8", ConfigError, "precision \"", text, "\", expected auto, exact, bf16 or int8");
  return Precision::Int8;
}

std::shared_ptr<Model> open_named_model(const std::string& name, const LoadOptions& options) {
  return open_model(resolve_model(name), options);
}

std::shared_ptr<Model> open_named_model(const std::string& name, const std::string& precision) {
  const fs::path path = resolve_model(name);
  LoadOptions options;
  options.precision = parse_precision(precision, path);
  return open_model(path, options);
}

}  // namespace limpid
