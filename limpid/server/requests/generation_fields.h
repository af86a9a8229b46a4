#pragma once

#include "limpid/server/requests/fields.h"
#include "limpid/server/requests/generation_request.h"

/// What chats and completions have in common.
namespace limpid::server {

/// Checks that "model" is one of the server's names, or absent. @throws ApiError 404 `model_not_found`
void check_model(Fields& body, const ServerFacts& facts);
ApiError model_not_found(const std::string& name, const ServerFacts& facts, std::optional<std::string> param);

/// Reads everything but messages, prompts and log-probabilities, and checks the number of rows.
/// @param request  has its prompts
/// @throws ApiError of status 400 or 404
void read_shared_fields(Fields& body, const ServerFacts& facts, GenerationRequest& request);

/// Ends the reading: what nobody asked for is ignored. Paths inside members may have been put there before.
void finish_reading(const Fields& body, GenerationRequest& request);

}  // namespace limpid::server
