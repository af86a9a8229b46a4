#pragma once

#include <vector>

#include "limpid/server/facts.h"
#include "limpid/server/requests/generation_request.h"
#include "limpid/tokenizers/tokenizer.h"

namespace limpid::server {

/// Returns the ids of a conversation in the model's chat template, behind which the assistant answers. Special tokens
/// that contents spell are text: only the template writes control tokens.
/// @throws ApiError 400 where there is no template or it refuses the turns, in its words unless they repeat a content
TokenIds chat_ids(const std::vector<Turn>& turns, const Tokenizer& tokenizer);

/// Returns the bytes of a tokenizer's longest token: a text of more than the context times that cannot fit, which is
/// known before it is read. Eight mebibytes without a space would take seconds and hundreds of megabytes.
size_t longest_token(const Tokenizer& tokenizer);

/// Returns the ids of each prompt of a checked request; a chat is one prompt. Texts of completions are read with the
/// tokenizer's special tokens, and one without any token becomes the token that begins a text.
/// @throws ApiError 400, `context_length_exceeded` for a prompt that leaves no room for one token
std::vector<TokenIds> prompt_ids(const GenerationRequest& request, const Tokenizer& tokenizer,
                                 const ServerFacts& facts);

}  // namespace limpid::server
