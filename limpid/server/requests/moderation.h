#pragma once

#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/server/scoring.h"

/// POST /v1/moderations: how toxic texts are, in the shape that clients of moderation services read.
namespace limpid::server {

struct ModerationRequest {
  std::vector<std::string> texts;    ///< a result for each; a list of parts is one text
  std::vector<std::string> ignored;  ///< fields that nobody knows
};

/// @throws ApiError of status 400, and 404 `model_not_found` for a name that is neither the scorer's nor one of those
/// that clients fix by themselves
ModerationRequest read_moderation_request(const Json& body, const TextScorer& scorer);

/// Returns the answer. Only toxicity is measured, which "harassment" repeats; the other categories are there because
/// typed clients read them.
/// @param id      "modr-…"
/// @param scores  one for each text
/// @throws ApiError 500 `numeric_failure` for a text that has none: unknown is not harmless
std::string moderation_body(const std::string& id, const ModerationRequest& request, const std::vector<double>& scores,
                            const TextScorer& scorer);

/// Checks that every text has its score. @throws ApiError 500 `numeric_failure`
void check_scores(const std::vector<double>& scores);

}  // namespace limpid::server
