#pragma once

#include <deque>
#include <string>

#include "limpid/checkpoints/gguf.h"

/// Converts the files of a Hugging Face tokenizer to the metadata of a GGUF file.
namespace limpid {

/// Metadata "tokenizer.…" with the texts that its lists look at.
struct GgufTokenizer {
  std::map<std::string, GgufValue> metadata;
  std::deque<std::string> texts;
};

/// Returns the vocabulary, merges, kinds of tokens, special ids and chat template of a folder, so that encoding with
/// the GGUF file gives the same ids, which is tried on a few texts: byte-level BPE whose split rules have a name
/// (split_rules.h), and BPE with byte fallback over visible spaces (Llama 2, Gemma), whose merges become scores.
/// @param rows  of the token embedding; ids beyond the tokenizer's are padding
/// @throws ConfigError for other kinds, naming them, for a text that would have other ids, and for more tokens than
/// rows; FormatError for malformed files.
GgufTokenizer gguf_tokenizer(const fs::path& folder, int64_t rows);

}  // namespace limpid
