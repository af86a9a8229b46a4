#pragma once

#include <string>

#include "limpid/core/files.h"
#include "limpid/core/json.h"

/// Explains a file or folder to a person (`limpid inspect`) or to a program (`limpid inspect --json`).
namespace limpid {

/// Returns what a path holds. `kind` is one of
/// - "safetensors": path, bytes, parameters, types, tensors, metadata
/// - "detoxifier", a safetensors file with the metadata key `limpid` (docs/detoxifiers.md): the same and `detoxifier`,
///   that JSON; each entry of its `needs` gets `state`: "found", "missing", "has another hash" or "not below its
///   folder"
/// - "limpid", another safetensors file of ours (a scorer, a calibrator's weights): the same and `limpid`, that JSON
/// - "gguf": path, bytes, parameters, types, tensors, config, tokenizer, metadata (lists as their lengths)
/// - "folder", a Hugging Face folder: path, bytes, parameters, types, tensors, config, tokenizer; `training`, that is
///   training.json, where Limpid trained it
/// - "adapter", a PEFT folder: path, adapter (adapter_config.json), tensors
/// - "jsonl": path, bytes, rows, keys (name, rows that have it, kinds of value)
/// - "json": path, bytes, keys
/// `types` counts tensors and bytes for each element type, those that Limpid does not compute with among them, which
/// `parameters` leaves out. `config` is the part of ModelConfig that is filled.
/// @throws FormatError, IoError for what is none of these, or is damaged.
Json inspect_json(const fs::path& path);

/// Returns what a path holds in sentences and tables; tensors that differ only in the layer number share a line. Of
/// rows of text only keys and kinds are shown.
std::string inspect(const fs::path& path);

}  // namespace limpid
