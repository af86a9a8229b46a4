#pragma once

#include <memory>
#include <optional>
#include <string>

#include "limpid/server/api_error.h"
#include "limpid/server/http/exchange.h"
#include "limpid/server/responses/generation_response.h"

namespace limpid::server {

/// The answer to one request for texts as it grows, whole or in a stream.
class Answer {
 public:
  Answer(std::shared_ptr<Exchange> exchange, const GenerationRequest& request, const ServerFacts& facts);

  /// Begins the stream, where one was asked for: what is wrong with the request has to be said before.
  void begin();
  void add(const Piece& piece);
  void add(const Ending& ending);
  void finish(const Usage& usage);
  void fail(const ApiError& error);
  Exchange& exchange() { return *exchange_; }

 private:
  std::shared_ptr<Exchange> exchange_;
  std::optional<GenerationResponse> whole_;
  std::optional<GenerationEvents> events_;
};

}  // namespace limpid::server
