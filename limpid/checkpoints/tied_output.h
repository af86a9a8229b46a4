#pragma once

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/checkpoints/config.h"

namespace limpid {

/// Unties the output matrix from the embedding where config.json ties them and the checkpoint holds an output matrix of
/// its own that differs: the model was trained with it, and transformers 5 computes with it. Warns of the contradiction
/// (core/warnings.h). Everything that is made of `config` then says that the two are separate.
void untie_separate_output(ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace limpid
