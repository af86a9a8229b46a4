#pragma once

#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/server/responses/generation_response.h"

/// Tokens of an answer as JSON.
namespace limpid::server {

using OrderedJson = nlohmann::ordered_json;

/// Returns a number whose digits are the fewest that give this float again: 0.7, not 0.699999988; -9999.0 for minus
/// infinity.
OrderedJson float_json(float value);
/// Returns the text of a body; invalid UTF-8 becomes U+FFFD.
std::string body_text(const OrderedJson& body);

/// Log-probabilities of chats: {"content": […], "refusal": null}; of none an empty list.
OrderedJson chat_log_probs(const std::vector<TokenRecord>& tokens);
/// Log-probabilities of completions: {"tokens", "token_logprobs", "top_logprobs", "text_offset"}. Offsets count
/// characters; the piece begins at character `offset` of its text, in which no token lies behind its end.
OrderedJson completion_log_probs(const Piece& piece, size_t offset);
/// Appends what a later piece has to what earlier ones gave, of either kind.
void append_log_probs(OrderedJson& all, OrderedJson more);

/// The tokens of "explain", those that have an explanation.
OrderedJson explanation_json(const std::vector<TokenRecord>& tokens);

OrderedJson guard_json(const GuardReport& report);
OrderedJson usage_json(const Usage& usage);

/// Returns the characters of a text in UTF-8, each maximal invalid beginning counting one.
size_t count_characters(std::string_view text);

}  // namespace limpid::server
