#include "limpid/server/responses/answer_frame.h"

#include <algorithm>

#include "limpid/server/responses/token_json.h"

namespace limpid::server {

namespace {

/// Returns what acted: the strengths that are not 0, in the server's order.
OrderedJson acting(const GenerationRequest& request, const ServerFacts& facts) {
  OrderedJson list = OrderedJson::array();
  for (size_t i = 0; i < request.strengths.size(); ++i)
    if (request.strengths[i] != 0.0f)
      list.push_back({{"name", facts.detoxifiers.at(i).name}, {"strength", float_json(request.strengths[i])}});
  return list;
}

}  // namespace

AnswerFrame::AnswerFrame(ResponseHead response_head, const GenerationRequest& request, const ServerFacts& facts)
    : head(std::move(response_head)),
      chat(request.chat),
      log_probs(request.log_probs.has_value()),
      explain(request.explain),
      include_usage(request.include_usage),
      choices(std::max<size_t>(1, request.prompts.size()) * size_t(request.n)),
      model(facts.names.at(0)),
      fingerprint(facts.fingerprint),
      refusal(facts.guard.refusal) {
  limpid["detox"] = acting(request, facts);
  limpid["seed"] = int64_t(request.sampling.seed);
  if (!request.ignored.empty()) limpid["ignored"] = request.ignored;
}

OrderedJson frame_json(const AnswerFrame& frame, const char* object) {
  OrderedJson out;
  out["id"] = frame.head.id;
  out["object"] = object;
  out["created"] = frame.head.created;
  out["model"] = frame.model;
  out["system_fingerprint"] = frame.fingerprint;
  return out;
}

OrderedJson log_probs_of(const AnswerFrame& frame, const Piece& piece, const ChoiceProgress& progress) {
  if (!frame.log_probs) return nullptr;
  return frame.chat ? chat_log_probs(piece.tokens) : completion_log_probs(piece, progress.characters);
}

void advance(ChoiceProgress& progress, const Piece& piece) {
  progress.characters += count_characters(piece.text);
  for (const TokenRecord& token : piece.tokens) {
    if (!token.explanation) continue;
    ++progress.explained;
    progress.kl_sum += token.explanation->kl;
  }
}

double mean_kl(const ChoiceProgress& progress) {
  return progress.explained > 0 ? progress.kl_sum / double(progress.explained) : 0.0;
}

void put_choice_extras(OrderedJson& choice, OrderedJson explanation, const std::optional<GuardReport>& guard) {
  if (!explanation.is_null()) choice["limpid"]["explain"] = std::move(explanation);
  if (guard) choice["limpid"]["guard"] = guard_json(*guard);
}

}  // namespace limpid::server
