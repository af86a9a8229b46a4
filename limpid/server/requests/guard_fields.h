#pragma once

#include "limpid/server/facts.h"
#include "limpid/server/requests/fields.h"
#include "limpid/server/requests/generation_request.h"

namespace limpid::server {

/// Returns the guard that "guard" asks for; where the server guards, never less than the server's.
/// @param unknown  gets the paths of members that nobody knows
/// @throws ApiError 400, also `guard_required`, and 404 `not_loaded` where there is no scorer
GuardChoice read_guard(Fields& body, const GuardFacts& facts, std::vector<std::string>& unknown);

}  // namespace limpid::server
