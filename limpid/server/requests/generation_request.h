#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/core/types.h"
#include "limpid/decoding/sampler.h"
#include "limpid/server/facts.h"
#include "limpid/tokenizers/chat.h"

namespace limpid::server {

/// The guard as a request gets it.
struct GuardChoice {
  bool on = false;
  double threshold = 0.5;
  int64_t rewinds = 2;
};

/// POST /v1/chat/completions or /v1/completions, checked: every value is in its range.
struct GenerationRequest {
  bool chat = false;
  std::vector<Turn> messages;                                ///< of a chat
  std::vector<std::variant<std::string, TokenIds>> prompts;  ///< of completions; at least one
  SamplingOptions sampling;                                  ///< its seed is drawn where the request has none
  std::optional<int64_t> max_tokens;                         ///< none: the rest of the context; 0 with echo only
  int64_t n = 1;
  std::vector<std::string> stop;
  std::optional<size_t> log_probs;  ///< log-probabilities are wanted, of so many top tokens beside
  bool echo = false;
  bool stream = false, include_usage = false;
  bool ignore_eos = false, cache_prompt = true;
  bool explain = false;
  std::vector<float> strengths;  ///< one per detoxifier of the server, in its order; 0 is off
  GuardChoice guard;
  std::vector<std::string> ignored;  ///< fields that nobody knows
};

/// @throws ApiError of status 400 or 404 as the server's specification says
GenerationRequest read_chat_request(const Json& body, const ServerFacts& facts);
GenerationRequest read_completion_request(const Json& body, const ServerFacts& facts);

}  // namespace limpid::server
