#pragma once

#include "limpid/tokenizers/jinja/run.h"

namespace limpid::jinja {

/// Returns the functions that every template has: range, dict, namespace, joiner, cycler, raise_exception,
/// strftime_now.
std::vector<std::pair<std::string, Value>> global_functions(Run& run);

}  // namespace limpid::jinja
