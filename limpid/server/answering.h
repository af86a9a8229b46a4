#pragma once

#include "limpid/core/warnings.h"
#include "limpid/server/http/exchange.h"

namespace limpid::server {

/// Runs `work`, and answers with what it throws.
template <class Work>
void answering(Exchange& exchange, Work work) {
  try {
    work();
  } catch (const ApiError& error) {
    answer_error(exchange, error);
  } catch (const std::exception& error) {
    warn(concat("a request failed: ", reason_of(error)));
    answer_error(exchange, {500, "internal_error", "something went wrong in the server; its log says what"});
  }
}

}  // namespace limpid::server
