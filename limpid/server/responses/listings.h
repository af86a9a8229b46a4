#pragma once

#include <string>

#include "limpid/server/facts.h"

/// What the server has, as JSON texts.
namespace limpid::server {

std::string models_body(const ServerFacts& facts);  ///< GET /v1/models: the model under each of its names
/// GET /v1/models/{id}. @throws ApiError 404 `model_not_found`
std::string model_body(const std::string& id, const ServerFacts& facts);

std::string detoxifiers_body(const ServerFacts& facts);  ///< GET /v1/detoxifiers, in command-line order
/// GET /v1/detoxifiers/{name}. @throws ApiError 404 `detoxifier_not_found`
std::string detoxifier_body(const std::string& name, const ServerFacts& facts);

}  // namespace limpid::server
