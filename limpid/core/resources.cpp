#include "limpid/core/resources.h"

#include <cstdlib>

#include "limpid/core/error.h"
#include "limpid/core/names.h"

namespace limpid {

std::vector<fs::path> resource_dirs() {
  if (const char* given = std::getenv("LIMPID_SHARE"); given && *given) return {given};
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  std::vector<fs::path> dirs;
  if (failed) return dirs;
  for (fs::path above = program.parent_path().parent_path();; above = above.parent_path()) {
    dirs.push_back(above / "share" / "limpid");
    if (!above.has_relative_path() || dirs.size() == 4) return dirs;
  }
}

std::optional<fs::path> look_up_resource(const std::string& name) {
  for (const fs::path& dir : resource_dirs())
    if (fs::exists(dir / name)) return dir / name;
  return std::nullopt;
}

fs::path find_resource(const std::string& name) {
  if (const auto path = look_up_resource(name)) return *path;
  const std::vector<fs::path> dirs = resource_dirs();
  throw IoError(concat("\"", name, "\" comes with the program, but is in none of: ",
                       join(dirs, ", ", [](const fs::path& dir) { return dir.string(); }),
                       "; set LIMPID_SHARE to the folder share/limpid of the source or installation"));
}

}  // namespace limpid
