#pragma once

#include <span>
#include <string>

#include "limpid/tokenizers/tokenizer.h"

namespace limpid {

/// Ids of a prompt with the tokenizer's special tokens; an empty text becomes the token that begins one.
/// @throws ConfigError when it is empty and there is no such token.
TokenIds prompt_ids(const Tokenizer& tokenizer, const std::string& text);

/// The text that `ids` add to what stands before them: their bytes, special tokens left out, a word-start mark as a
/// space also in front. Invalid UTF-8 becomes U+FFFD.
std::string continuation_text(const Tokenizer& tokenizer, std::span<const TokenId> ids);

}  // namespace limpid
