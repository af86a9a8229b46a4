#pragma once

#include <vector>

#include "limpid/server/requests/fields.h"
#include "limpid/tokenizers/chat.h"

namespace limpid::server {

/// Returns the turns of a request's "messages": "developer" is the system, parts of a text are joined by newlines, and
/// an assistant's turn without content is empty.
/// @param unknown  gets the paths of members that nobody knows
/// @throws ApiError of status 400
std::vector<Turn> read_messages(Fields& body, std::vector<std::string>& unknown);

}  // namespace limpid::server
