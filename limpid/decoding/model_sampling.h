#pragma once

#include <string>

#include "limpid/checkpoints/config.h"
#include "limpid/decoding/options.h"

/// How a model wants to be sampled. Chat models often say so, and write worse when all tokens may be drawn.
namespace limpid {

/// Returns what the files ask for that a config was read from: generation_config.json of a Hugging Face folder,
/// general.sampling.* of a GGUF file. Settings that are off there are left open.
/// @throws FormatError, one line that names file and key, for values of another kind or out of range.
SamplingChoices model_sampling(const ModelConfig& config);

/// Returns of `asked` what `given` leaves open: nothing beside a given greedy choice, whose token is the best whatever
/// the model asks; and no greedy choice beside given settings that only matter when tokens are drawn.
SamplingChoices left_open(const SamplingChoices& given, SamplingChoices asked);

/// Returns the settings of both, those of `given` first. What neither says is off.
SamplingOptions sampling_options(const SamplingChoices& given, uint64_t seed, const SamplingChoices& others = {});

std::string describe(const SamplingChoices& choices);  ///< "temperature 0.6, top-p 0.9"; empty where all is open

}  // namespace limpid
