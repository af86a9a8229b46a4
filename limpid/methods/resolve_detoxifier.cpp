#include "limpid/methods/resolve_detoxifier.h"

#include "limpid/core/resources.h"

namespace limpid {

fs::path resolve_detoxifier(const std::string& name) {
  if (fs::exists(name) || name.find('/') != std::string::npos) return name;
  for (const char* ending : {"", kDetoxifierEnding})
    if (const auto shipped = look_up_resource(name + ending)) return *shipped;
  return name;
}

}  // namespace limpid
