#include "limpid/server/responses/generation_response.h"

#include "limpid/server/responses/answer_frame.h"
#include "limpid/server/responses/token_json.h"

namespace limpid::server {

GenerationResponse::GenerationResponse(ResponseHead head, const GenerationRequest& request, const ServerFacts& facts)
    : frame_(std::move(head), request, facts),
      choices_(frame_.choices) {
  for (size_t i = 0; i < choices_.size(); ++i) {
    choices_[i].ending.choice = i;
    choices_[i].log_probs = log_probs_of(frame_, {}, {});
    choices_[i].explanations = OrderedJson::array();
  }
}

void GenerationResponse::add(const Piece& piece) {
  Choice& choice = choices_.at(piece.choice);
  choice.text += piece.text;
  if (frame_.log_probs) append_log_probs(choice.log_probs, log_probs_of(frame_, piece, choice.progress));
  if (frame_.explain)
    for (OrderedJson& entry : explanation_json(piece.tokens)) choice.explanations.push_back(std::move(entry));
  advance(choice.progress, piece);
}

void GenerationResponse::add(const Ending& ending) { choices_.at(ending.choice).ending = ending; }

OrderedJson GenerationResponse::choice_json(const Choice& choice) const {
  OrderedJson out;
  out["index"] = choice.ending.choice;
  if (frame_.chat) {
    const bool is_refused = choice.ending.finish_reason == "content_filter";
    out["message"] = {{"role", "assistant"},
                      {"content", choice.text},
                      {"refusal", is_refused ? OrderedJson(frame_.refusal) : OrderedJson(nullptr)}};
  } else {
    out["text"] = choice.text;
  }
  out["logprobs"] = choice.log_probs;
  out["finish_reason"] = choice.ending.finish_reason;
  OrderedJson explanation;
  if (frame_.explain) explanation = {{"mean_kl", mean_kl(choice.progress)}, {"tokens", choice.explanations}};
  put_choice_extras(out, std::move(explanation), choice.ending.guard);
  return out;
}

std::string GenerationResponse::whole(const Usage& usage) const {
  OrderedJson out = frame_json(frame_, frame_.chat ? "chat.completion" : "text_completion");
  OrderedJson& choices = out["choices"] = OrderedJson::array();
  for (const Choice& choice : choices_) choices.push_back(choice_json(choice));
  out["usage"] = usage_json(usage);
  out["limpid"] = frame_.limpid;
  return body_text(out);
}

}  // namespace limpid::server
