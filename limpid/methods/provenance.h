#pragma once

#include <string>
#include <vector>

#include "limpid/core/json.h"

namespace limpid {

/// Returns who made a detoxifier from what: {"tool", "target", "data": [{"file", "sha256"}]}, names without folders.
/// @param target  the model as the person named it
/// @param data    entries PATH[?key=value&…], or names of data (data/named_data.h) in the place of PATH
Json fit_provenance(const std::string& target, const std::vector<std::string>& data);

}  // namespace limpid
