#pragma once

#include "limpid/core/json.h"
#include "limpid/decoding/sampler.h"

namespace limpid {

/// Returns the settings that change a text, for files that say how they were made.
Json to_json(const SamplingOptions& sampling);

}  // namespace limpid
