#pragma once

#include "limpid/server/responses/generation_response.h"

/// Parts that whole answers and events share.
namespace limpid::server {

/// Returns id, object, created, model and system_fingerprint. @param object  "chat.completion", "text_completion", …
nlohmann::ordered_json frame_json(const AnswerFrame& frame, const char* object);

/// Returns the log-probabilities of a piece as the answer has them; null where they were not asked for.
nlohmann::ordered_json log_probs_of(const AnswerFrame& frame, const Piece& piece, const ChoiceProgress& progress);

/// Takes a piece into what the next ones need to know.
void advance(ChoiceProgress& progress, const Piece& piece);

/// Returns the mean of the divergences so far; 0 of none.
double mean_kl(const ChoiceProgress& progress);

/// Adds what a choice has of ours, where there is any.
/// @param explanation  null for none
void put_choice_extras(nlohmann::ordered_json& choice, nlohmann::ordered_json explanation,
                       const std::optional<GuardReport>& guard);

}  // namespace limpid::server
