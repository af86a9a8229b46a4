#pragma once

#include <string>

#include "limpid/core/files.h"

namespace limpid {

/// Returns the path of a detoxifier file: as it is given, or one that comes with the program, by its name with or
/// without the ending.
fs::path resolve_detoxifier(const std::string& name);

}  // namespace limpid
