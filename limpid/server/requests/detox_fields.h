#pragma once

#include "limpid/server/facts.h"
#include "limpid/server/requests/fields.h"

namespace limpid::server {

/// Returns the strength of each detoxifier of the server that "detox" asks for, in the server's order.
/// @param unknown  gets the paths of members that nobody knows
/// @throws ApiError 400, and 404 `detoxifier_not_found`
std::vector<float> read_strengths(Fields& body, const ServerFacts& facts, std::vector<std::string>& unknown);

/// Returns the error for a detoxifier that is not there, which lists those that are.
ApiError detoxifier_not_found(const std::string& name, const ServerFacts& facts, std::optional<std::string> param);

}  // namespace limpid::server
