#pragma once

#include <string_view>

#include "limpid/core/json.h"

namespace limpid::server {

/// Returns the object that a request's body is, read as RFC 8259 has it to the letter. Besides what that forbids, there
/// is no byte order mark, no key twice in one object, no number beyond float64, nothing more than 64 lists and objects
/// inside one another, and no more values than the memory of one request is to hold. Time and memory grow with the
/// length of the body alone.
/// @throws ApiError 400 `invalid_json` with the byte, counted from 1, that is wrong; it never quotes the body.
Json read_strict_json(std::string_view body);

}  // namespace limpid::server
