#pragma once

#include "limpid/checkpoints/config.h"

namespace limpid {

using GgufMetadata = std::map<std::string, GgufValue>;

/// Returns the settings of a decoder as llama.cpp expects them in a GGUF file, without the tokenizer.
/// @param layer_norm  norms have a mean and a bias; else they are RMS norms
GgufMetadata gguf_metadata(const ModelConfig& config, bool layer_norm);

/// Returns the first setting that is computed with in which a model and what was read of its new file differ, beyond
/// the rounding of float32, in words; empty for none. End tokens count where the model has some: else the tokenizer's
/// do.
std::string first_difference(const ModelConfig& source, const ModelConfig& read);

/// Returns general.file_type for weights that are mostly of a type: llama.cpp's LLAMA_FTYPE.
int64_t gguf_file_type(DType type);

}  // namespace limpid
