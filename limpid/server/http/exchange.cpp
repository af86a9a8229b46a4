#include "limpid/server/http/exchange.h"

#include "limpid/server/http/text.h"

namespace limpid::server {

std::optional<std::string> HttpRequest::header(std::string_view name) const {
  for (const auto& [field, value] : headers)
    if (same_word(field, name)) return value;
  return std::nullopt;
}

HttpResponse error_response(const ApiError& error, std::string (*write)(const ApiError&)) {
  HttpResponse response{.status = error.status, .body = write(error)};
  if (error.retry_after) response.headers.emplace_back("Retry-After", std::to_string(*error.retry_after));
  if (!error.should_retry) response.headers.emplace_back("x-should-retry", "false");
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  for (const auto& header : error.headers) response.headers.push_back(header);
  response.close = error.code == "shutting_down";
  return response;
}

void answer_error(Exchange& exchange, const ApiError& error) {
  exchange.answer(error_response(error, exchange.request().write_error));
}

}  // namespace limpid::server
