#include "limpid/server/requests/generation_fields.h"
#include "limpid/server/requests/generation_request.h"
#include "limpid/server/requests/messages.h"

namespace limpid::server {

namespace {

std::optional<size_t> read_chat_log_probs(Fields& body) {
  const bool wanted = body.flag("logprobs").value_or(false);
  const int64_t top = body.integer("top_logprobs", {0, 20}).value_or(0);
  if (top > 0 && !wanted) throw invalid_value("top_logprobs", std::to_string(top), "\"logprobs\": true beside it");
  return wanted ? std::optional<size_t>(top) : std::nullopt;
}

}  // namespace

GenerationRequest read_chat_request(const Json& json, const ServerFacts& facts) {
  Fields body(json);
  GenerationRequest request;
  request.chat = true;
  read_shared_fields(body, facts, request);
  request.log_probs = read_chat_log_probs(body);
  request.messages = read_messages(body, request.ignored);
  finish_reading(body, request);
  return request;
}

}  // namespace limpid::server
