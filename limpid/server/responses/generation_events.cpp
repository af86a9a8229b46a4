#include "limpid/server/responses/answer_frame.h"
#include "limpid/server/responses/generation_response.h"
#include "limpid/server/responses/token_json.h"

namespace limpid::server {

namespace {

const char* chunk_object(const AnswerFrame& frame) { return frame.chat ? "chat.completion.chunk" : "text_completion"; }

}  // namespace

GenerationEvents::GenerationEvents(ResponseHead head, const GenerationRequest& request, const ServerFacts& facts)
    : frame_(std::move(head), request, facts),
      choices_(frame_.choices) {}

/// Returns a choice that says nothing yet of log-probabilities and of its end.
/// @param delta  of a chat the delta, of a completion the text
OrderedJson GenerationEvents::delta_choice(size_t choice, OrderedJson delta) const {
  OrderedJson out;
  out["index"] = choice;
  out[frame_.chat ? "delta" : "text"] = std::move(delta);
  out["logprobs"] = nullptr;
  out["finish_reason"] = nullptr;
  return out;
}

std::string GenerationEvents::event(OrderedJson choice) {
  OrderedJson out = frame_json(frame_, chunk_object(frame_));
  out["choices"].push_back(std::move(choice));
  if (frame_.include_usage) out["usage"] = nullptr;
  if (first_) out["limpid"] = frame_.limpid;
  first_ = false;
  return body_text(out);
}

void GenerationEvents::begin(size_t choice, std::vector<std::string>& events) {
  ChoiceProgress& progress = choices_.at(choice);
  if (frame_.chat && !progress.started)
    events.push_back(event(delta_choice(choice, {{"role", "assistant"}, {"content", ""}})));
  progress.started = true;
}

std::vector<std::string> GenerationEvents::of(const Piece& piece) {
  std::vector<std::string> events;
  begin(piece.choice, events);
  ChoiceProgress& progress = choices_[piece.choice];
  const bool tells_tokens = !piece.tokens.empty() && (frame_.log_probs || frame_.explain);
  if (!piece.text.empty() || tells_tokens) {
    OrderedJson text = piece.text;
    OrderedJson choice = delta_choice(piece.choice, frame_.chat ? OrderedJson{{"content", std::move(text)}} : text);
    choice["logprobs"] = log_probs_of(frame_, piece, progress);
    OrderedJson explanation;
    if (frame_.explain) explanation = {{"tokens", explanation_json(piece.tokens)}};
    put_choice_extras(choice, std::move(explanation), std::nullopt);
    events.push_back(event(std::move(choice)));
  }
  advance(progress, piece);
  return events;
}

std::vector<std::string> GenerationEvents::of(const Ending& ending) {
  std::vector<std::string> events;
  begin(ending.choice, events);
  if (frame_.chat && ending.finish_reason == "content_filter")
    events.push_back(event(delta_choice(ending.choice, {{"refusal", frame_.refusal}})));
  OrderedJson last = delta_choice(ending.choice, frame_.chat ? OrderedJson::object() : OrderedJson(""));
  last["finish_reason"] = ending.finish_reason;
  OrderedJson explanation;  // the mean is known only now
  if (frame_.explain) explanation = {{"mean_kl", mean_kl(choices_[ending.choice])}, {"tokens", OrderedJson::array()}};
  put_choice_extras(last, std::move(explanation), ending.guard);
  events.push_back(event(std::move(last)));
  return events;
}

std::optional<std::string> GenerationEvents::of(const Usage& usage) const {
  if (!frame_.include_usage) return std::nullopt;
  OrderedJson out = frame_json(frame_, chunk_object(frame_));
  out["choices"] = OrderedJson::array();
  out["usage"] = usage_json(usage);
  return body_text(out);
}

}  // namespace limpid::server
