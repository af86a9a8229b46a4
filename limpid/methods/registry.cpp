#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/fusion/fusion.h"

namespace limpid {

const std::map<std::string, DetoxifierLoader>& detoxifier_methods() {
  static const std::map<std::string, DetoxifierLoader> methods = {{"fusion", load_fusion}};
  return methods;
}

std::shared_ptr<Detoxifier> open_detoxifier(const DetoxSpec& spec) {
  if (spec.file == "control:temperature") return temperature_control(spec);
  auto file = DetoxifierFile::open(spec.file);
  const auto found = detoxifier_methods().find(file->info().method);
  if (found != detoxifier_methods().end()) return found->second(std::move(file), spec);
  std::string known;
  for (const auto& [name, loader] : detoxifier_methods()) known += (known.empty() ? "" : ", ") + name;
  throw ConfigError(concat("[detoxifier] ", spec.file, ": method \"", file->info().method, "\" is not known to this Limpid, which has ", known));
}

}  // namespace limpid
