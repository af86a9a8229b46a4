#pragma once

#include <string>

namespace limpid::server {

/// Returns 24 letters and digits that nobody can guess.
std::string random_id();

}  // namespace limpid::server
