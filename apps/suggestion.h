#pragma once

#include <string>
#include <vector>

namespace limpid::apps {

/// Returns the candidate that `text` may be a slip of: the nearest by letters left out, put in, replaced or swapped, at
/// most one in three; else one that it begins. Empty where there is none.
std::string likely_meant(const std::string& text, const std::vector<std::string>& candidates);

}  // namespace limpid::apps
