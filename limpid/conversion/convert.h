#pragma once

#include <optional>

#include "limpid/core/files.h"
#include "limpid/core/watch.h"
#include "limpid/kernels/dtype.h"

/// Models from one format of files to another.
namespace limpid {

/// What was written.
struct ConvertedModel {
  uint64_t parameters = 0, bytes = 0;  ///< of the tensors
  uint64_t stored_bytes = 0;           ///< of the model that was read
};

/// Writes a decoder as one GGUF file: tensors and settings under the names that llama.cpp expects, the tokenizer and
/// its chat template. Values stay what they are where `type` allows: without one, matrices keep their type (8-bit
/// floats become BF16, F64 becomes F32, blocks stay blocks); norms, biases and tables of positions are F32.
/// @param model  a Hugging Face folder or a GGUF file
/// @param type   of the matrices: one that kernels::can_quantize. The embedding and the output matrix get Q8_0 where it
///               has fewer bits; so do matrices whose rows are no whole blocks of it, or F32 where they are none of
///               Q8_0
/// @throws ConfigError for models that GGUF cannot say, naming what; FormatError for malformed ones.
ConvertedModel write_gguf_model(const fs::path& model, const fs::path& output, std::optional<DType> type,
                                Watch& watch = unwatched());

/// Writes a decoder from a GGUF file as a Hugging Face folder: config.json, generation_config.json, model.safetensors
/// and the tokenizer's files.
/// @param type  F32, F16 or BF16; none: what the matrices have, F32 for blocks, and F32 for other tensors that would
/// lose
///              by it
/// @throws ConfigError for settings that config.json cannot say; FormatError for malformed files.
ConvertedModel write_huggingface_model(const fs::path& model, const fs::path& folder, std::optional<DType> type,
                                       Watch& watch = unwatched());

}  // namespace limpid
