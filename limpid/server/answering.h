#pragma once

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
    answer_error(exchange, {500, "internal_error", reason_of(error)});
  }
}

}  // namespace limpid::server
