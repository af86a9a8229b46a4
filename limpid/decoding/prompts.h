#pragma once

#include <span>
#include <string>

#include "limpid/models/model.h"

/// From what a person gives to the ids that a model reads, and back.
namespace limpid {

/// The model's tokenizer. @throws ConfigError when it came without one.
const Tokenizer& tokenizer_of(const Model& model);

/// Ids of a prompt with the tokenizer's special tokens; an empty text becomes the token that begins one.
/// @throws ConfigError when it is empty and there is no such token.
TokenIds prompt_ids(const Tokenizer& tokenizer, const std::string& text);

/// The text that `ids` add to what stands before them: their bytes, special tokens left out, a word-start mark as a
/// space also in front. Invalid UTF-8 becomes U+FFFD.
std::string continuation_text(const Tokenizer& tokenizer, std::span<const TokenId> ids);

/// Ids of one user turn in the model's chat template, behind which it answers.
TokenIds chat_prompt_ids(const Tokenizer& tokenizer, const std::string& text);

/// End-of-text ids of a model: those of its config and generation config, and the tokenizer's own ends of text and of
/// turn. Ascending.
std::vector<TokenId> end_tokens(const Model& model);

/// The token that a text without a prompt begins behind: BOS where the tokenizer puts one in front of texts; else
/// "<|endoftext|>" where there is one (what stands between documents in pretraining; in chat models BOS may open a turn
/// instead); else BOS, else the end-of-text token.
/// @throws ConfigError when there is none.
TokenId text_beginning(const Model& model);

}  // namespace limpid
