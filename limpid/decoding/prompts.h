#pragma once

#include <string>
#include <vector>

#include "limpid/tokenizers/tokenizer.h"

namespace limpid {

class Model;

/// Ids of a prompt with the tokenizer's special tokens; an empty text becomes the token that begins one.
/// @throws ConfigError when it is empty and there is no such token.
TokenIds prompt_ids(const Tokenizer& tokenizer, const std::string& text);

/// Ids of texts that are put before prompts (Reading::prefixes), with the special tokens that the tokenizer puts in
/// front of a text.
/// @throws ConfigError when the model has no tokenizer or a text has no tokens, `where` in front.
std::vector<TokenIds> encode_prefixes(const Model& target, const std::vector<std::string>& texts,
                                      const std::string& where);

}  // namespace limpid
