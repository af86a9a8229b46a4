#pragma once

#include <string>

#include "limpid/core/files.h"
#include "limpid/core/random.h"

namespace limpid {

/// Returns a number for a name, the same on every machine.
inline uint64_t name_hash(const std::string& name) { return std::stoull(sha256(name).substr(0, 16), nullptr, 16); }

/// Returns the random numbers of a tensor: a function of seed and name, whatever else is drawn.
inline RandomStream named_stream(uint64_t seed, const std::string& name) { return RandomStream(seed, name_hash(name)); }

}  // namespace limpid
