#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/sasa/method.h"
#include "limpid/methods/sasa/sasa.h"

namespace limpid::sasa {

std::shared_ptr<Detoxifier> SasaMethod::load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options) {
  const std::string settings_place = options.place() + "settings";
  const Json& settings = file->info().settings;
  const int64_t D = file->info().target.hidden_size;
  SasaParts parts;
  parts.rule = named<SasaRule>(require<std::string>(settings, "variant", settings_place), options.place() + "variant");
  parts.candidates = require<int64_t>(settings, "candidates", settings_place);
  LIMPID_CHECK(parts.candidates > 0, FormatError, settings_place, ": \"candidates\" is ", parts.candidates,
               ", expected at least 1");
  parts.subspace.w = float_tensor(*file, "w", {D});
  parts.subspace.midpoint = float_tensor(*file, "midpoint", {D});
  parts.candidates = options.integer("candidates").value_or(parts.candidates);
  parts.rule = options.choice<SasaRule>("variant").value_or(parts.rule);
  return file_detoxifier(file, info, name(parts.rule),
                         [parts](const Model& target) { return std::make_unique<SasaSession>(target, parts); });
}

}  // namespace limpid::sasa
