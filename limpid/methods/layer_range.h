#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace limpid {

/// Reads "3-20", "3-" or "3" as inclusive layers [first, last] counted from 0; -1 for an open end.
/// @throws ConfigError that begins with `place`.
std::pair<int64_t, int64_t> parse_layers(const std::string& text, const std::string& place);

}  // namespace limpid
