#pragma once

#include <string>

#include "limpid/core/json.h"
#include "limpid/core/types.h"

namespace limpid::server {

/// Returns the token ids of a list. @param vocabulary  ids are below it
/// @throws ApiError of status 400 with the path of the first that is none
TokenIds read_token_ids(const Json& list, const std::string& path, int64_t vocabulary);

}  // namespace limpid::server
