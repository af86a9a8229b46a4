#include "limpid/server/api_error.h"

#include "limpid/checkpoints/quote.h"
#include "limpid/core/json.h"

namespace limpid::server {

const char* error_type(int status) {
  switch (status) {
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    case 503: return "unavailable_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
  }
}

std::string error_body(const ApiError& error) {
  nlohmann::ordered_json body;
  body["message"] = printable(error.what());  // one line, whatever is in it
  body["type"] = error_type(error.status);
  body["param"] = error.param ? nlohmann::ordered_json(*error.param) : nullptr;
  body["code"] = error.code;
  return nlohmann::ordered_json{{"error", std::move(body)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace limpid::server
