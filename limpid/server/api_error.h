#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limpid/core/error.h"

/// What the server tells a client whose call failed.
namespace limpid::server {

/// A call that failed, as the client is told: HTTP status, code and a message of one line that says field, found and
/// expected, and never quotes a prompt.
struct ApiError : Error {
  ApiError(int http_status, std::string error_code, const std::string& message, std::optional<std::string> field = {})
      : Error(message),
        status(http_status),
        code(std::move(error_code)),
        param(std::move(field)) {}

  int status;
  std::string code;
  std::optional<std::string> param;     ///< path of the field: "messages[2].content"
  std::optional<int> retry_after = {};  ///< seconds
  bool should_retry = true;             ///< false: x-should-retry tells clients that a repetition fails too
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< that the answer has besides
};

/// Returns the "type" of errors of a status: "invalid_request_error", "permission_error", "rate_limit_error",
/// "server_error" or "unavailable_error".
const char* error_type(int status);

/// Returns {"error":{"message","type","param","code"}}; all four keys always.
std::string error_body(const ApiError& error);

}  // namespace limpid::server
