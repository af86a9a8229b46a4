#pragma once

#include "limpid/checkpoints/checkpoint.h"

namespace limpid {

/// Returns a checkpoint in which weights that lie in a form of GPTQ, AWQ, bitsandbytes, fp8 or compressed-tensors are
/// tensors like others: their values come with Checkpoint::load. One without such weights is returned as it is.
/// @param config  the config.json beside it, whose "quantization_config" names the form; need not exist
/// @throws ConfigError for a form that is not supported, by name; FormatError for parts that do not fit together.
std::shared_ptr<const Checkpoint> with_quantised_weights(std::shared_ptr<const Checkpoint> stored,
                                                         const fs::path& config);

}  // namespace limpid
