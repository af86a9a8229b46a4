#include "limpid/server/scheduler/answer.h"

#include <chrono>

#include "limpid/server/random_id.h"

namespace limpid::server {

Answer::Answer(std::shared_ptr<Exchange> exchange, const GenerationRequest& request, const ServerFacts& facts)
    : exchange_(std::move(exchange)) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const ResponseHead head{(request.chat ? "chatcmpl-" : "cmpl-") + random_id(),
                          std::chrono::duration_cast<std::chrono::seconds>(now).count()};
  if (request.stream)
    events_.emplace(head, request, facts);
  else
    whole_.emplace(head, request, facts);
}

void Answer::begin() {
  if (events_) exchange_->begin_events();
}

void Answer::add(const Piece& piece) {
  if (whole_) return whole_->add(piece);
  for (const std::string& event : events_->of(piece)) exchange_->send_event(event);
}

void Answer::add(const Ending& ending) {
  if (whole_) return whole_->add(ending);
  for (const std::string& event : events_->of(ending)) exchange_->send_event(event);
}

void Answer::finish(const Usage& usage) {
  if (whole_) return exchange_->answer({.body = whole_->whole(usage)});
  if (auto event = events_->of(usage)) exchange_->send_event(*event);
  exchange_->end_events(/*complete=*/true);
}

void Answer::fail(const ApiError& error) {
  if (whole_) return answer_error(*exchange_, error);
  exchange_->send_event(error_body(error));
  exchange_->end_events(/*complete=*/false);
}

}  // namespace limpid::server
