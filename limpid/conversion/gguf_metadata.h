#pragma once

#include "limpid/checkpoints/config.h"

namespace limpid {

using GgufMetadata = std::map<std::string, GgufValue>;

/// Returns the settings of a decoder as llama.cpp expects them in a GGUF file, without the tokenizer.
/// @param layer_norm  norms have a mean and a bias; else they are RMS norms
GgufMetadata gguf_metadata(const ModelConfig& config, bool layer_norm);

/// Returns the divisors of the rotary frequencies, which GGUF files have as a tensor (rope_freqs.weight); none for
/// other scaling than Llama 3's. [head_dim / 2]
std::vector<float> rope_divisors(const ModelConfig& config);

/// Returns the first setting in which two configs differ beyond the rounding of float32, in words; empty for none.
std::string first_difference(const ModelConfig& a, const ModelConfig& b);

/// Returns general.file_type for weights that are mostly of a type: llama.cpp's LLAMA_FTYPE.
int64_t gguf_file_type(DType type);

}  // namespace limpid
