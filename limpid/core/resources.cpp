#include "limpid/core/resources.h"

#include <cstdlib>

#include "limpid/core/error.h"

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

fs::path find_resource(const std::string& name) {
  std::string places;
  for (const fs::path& dir : resource_dirs()) {
    if (fs::exists(dir / name)) return dir / name;
    places += (places.empty() ? "" : ", ") + dir.string();
  }
  throw IoError(concat("\"", name, "\" comes with the program, but is in none of: ", places,
                       "; set LIMPID_SHARE to the folder share/limpid of the source or installation"));
}

}  // namespace limpid
