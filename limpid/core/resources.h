#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/files.h"

/// Files that come with the program, in the repository's share/limpid.
namespace limpid {

inline constexpr const char* kDetoxifierEnding = ".detox.safetensors";  ///< of those that come with the program

/// Returns the folders looked at, in order: $LIMPID_SHARE alone if it is set; else ../share/limpid from the executable,
/// which fits the source tree (build/limpid) and an installed one (bin/limpid), and share/limpid in the folders above
/// the executable.
std::vector<fs::path> resource_dirs();

/// Returns the file `name` in the first of those folders that has it, if any.
std::optional<fs::path> look_up_resource(const std::string& name);
/// Returns the file `name` in the first of those folders that has it. @throws IoError naming the folders when none has.
fs::path find_resource(const std::string& name);

}  // namespace limpid
