#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/server/requests/sentences.h"
#include "limpid/server/scoring.h"

/// POST /v1alpha1/comments:analyze: the toxicity of a comment and of its sentences, in the shape of the public comment
/// analyser that ends with 2026.
namespace limpid::server {

struct CommentRequest {
  std::string text;
  std::vector<TextSpan> spans;          ///< each sentence, or one span, the whole text
  bool has_sentences = false;           ///< spans are scored by themselves
  double threshold = 0.0;               ///< below it the attribute is left out
  std::vector<std::string> unmeasured;  ///< attributes of the service that nothing here measures
  std::vector<std::string> languages;   ///< as asked for; "en" where the request names none
  std::optional<std::string> client_token;
  std::vector<std::string> ignored;  ///< fields that nobody knows

  /// Returns what is to be scored: the whole text, then each sentence where they are asked for.
  std::vector<std::string> texts() const;
};

/// @throws ApiError of status 400, whose code is the service's errorType where it has one
CommentRequest read_comment_request(const Json& body);

/// Returns the answer. @param scores  those of texts()
/// @throws ApiError 500 `numeric_failure` for a text that has none
std::string comment_body(const CommentRequest& request, const std::vector<double>& scores);

/// Returns an error in the service's form: {"error": {"code", "message", "status", "details"}}.
std::string comment_error_body(const ApiError& error);

}  // namespace limpid::server
