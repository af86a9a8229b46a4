#pragma once

#include <ostream>

#include "limpid/core/json.h"
#include "limpid/tokenizers/tokenizer.h"

namespace limpid {

/// Encodes or decodes one row, one line of JSON out.
///   encode  {"text"} in, {"text", "ids"} out
///           {"messages", …} in, the same out: what the chat template makes of them, and of whatever else it speaks of
///           ("add_generation_prompt", "tools"); "chat_template" takes the place of the model's
///   decode  {"ids"} in, {"ids", "decoded", "decoded_plain"} out: special tokens shown, and left out
/// @param add_special  for encoding: the tokenizer's own special tokens around each text
/// @param json         the row as it stands in the file: templates see the order of keys; empty: as `row` has them
/// @param place        "FILE:LINE", for errors
/// @throws FormatError naming file and line for a row without text or ids, or with an id outside the vocabulary;
/// ConfigError naming them for messages that the template refuses.
void tokenize_row(const Tokenizer& tokenizer, const Json& row, std::string_view json, const std::string& place,
                  bool add_special, bool decode, std::ostream& out);

/// Encodes or decodes every row of a jsonl file as tokenize_row() does.
void tokenize_file(const Tokenizer& tokenizer, const fs::path& jsonl, bool add_special, bool decode, std::ostream& out);

}  // namespace limpid
