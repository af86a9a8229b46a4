#pragma once

#include "limpid/checkpoints/gguf.h"

/// Converts the vocabulary inside a GGUF file to the files that Hugging Face's tokenizers read.
namespace limpid {

/// Writes tokenizer.json and tokenizer_config.json (special tokens, chat template) into `folder`, so that encoding with
/// them gives the same ids as with the GGUF file: byte-level BPE with the rules of split_rules.h, WordPiece, and
/// SentencePiece's BPE with byte fallback (Gemma, Llama 2).
/// @return false, writing nothing, when the file's tokenizer is of another kind.
/// @throws FormatError when the metadata is malformed; IoError.
bool write_tokenizer_json(const GgufFile& file, const fs::path& folder);

}  // namespace limpid
