#pragma once

#include <string>
#include <vector>

#include "limpid/models/model.h"
#include "limpid/tokenizers/chat.h"

/// From what a person gives to the ids that a model reads, and back.
namespace limpid {

/// Returns the model's tokenizer. @throws ConfigError when it came without one.
const Tokenizer& tokenizer_of(const Model& model);

/// Returns the ids of a prompt with the tokenizer's special tokens; an empty text becomes the token that begins one.
/// @throws ConfigError when it is empty and there is no such token.
TokenIds prompt_ids(const Tokenizer& tokenizer, const std::string& text);

/// Returns the ids of texts that are put before prompts (Reading::prefixes), with the special tokens that the tokenizer
/// puts in front of a text.
/// @throws ConfigError that begins with `place` when the model has no tokenizer or a text has no tokens.
std::vector<TokenIds> encode_prefixes(const Model& target, const std::vector<std::string>& texts,
                                      const std::string& place);

/// Returns the ids of turns in the model's chat template, behind which it answers. @throws ConfigError as render_chat.
TokenIds chat_prompt_ids(const Tokenizer& tokenizer, const std::vector<Turn>& turns);

/// Returns the end-of-text ids of a model, ascending: those of its config and generation config, and the tokenizer's
/// own ends of text and of turn.
std::vector<TokenId> end_tokens(const Model& model);

/// Returns the token that a text without a prompt begins behind: BOS where the tokenizer puts one in front of texts;
/// else "<|endoftext|>" where there is one (it stands between documents in pretraining; in chat models BOS may open a
/// turn instead); else BOS, else the end-of-text token.
/// @throws ConfigError when there is none.
TokenId text_beginning(const Model& model);

}  // namespace limpid
