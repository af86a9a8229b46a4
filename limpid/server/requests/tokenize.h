#pragma once

#include <string>

#include "limpid/core/json.h"
#include "limpid/server/facts.h"
#include "limpid/tokenizers/tokenizer.h"

/// Texts to ids and back for clients, in the dialects of llama-server ("content") and vLLM ("prompt", "messages").
namespace limpid::server {

/// Returns the body of an answer to POST /tokenize: {"tokens", "count", "max_model_len"}; with "with_pieces" a token is
/// {"id", "piece"}, the piece a list of bytes where it is no valid UTF-8. "content" is read without the tokenizer's
/// special tokens and "prompt" with them, unless "add_special" or "add_special_tokens" says otherwise; messages are put
/// into the chat template as a chat does.
/// @throws ApiError 400, and 404 for another model
std::string tokenize_body(const Json& request, const Tokenizer& tokenizer, const ServerFacts& facts);

/// Returns the body of an answer to POST /detokenize: the text of {"tokens": […]}, special tokens shown, under the
/// names of both dialects. @throws ApiError 400 for an id outside the vocabulary, 404 for another model
std::string detokenize_body(const Json& request, const Tokenizer& tokenizer, const ServerFacts& facts);

}  // namespace limpid::server
