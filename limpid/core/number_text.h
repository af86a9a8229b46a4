#pragma once

#include <cstdint>
#include <string>

/// Numbers as a person reads them.
namespace limpid {

std::string human_duration(double seconds);  ///< "12 s", "3 min 20 s", "2 h 05 min"
std::string thousands(uint64_t value);       ///< "1,234,567"
std::string percent(double share);           ///< "12.5 %"

}  // namespace limpid
