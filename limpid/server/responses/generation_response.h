#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/core/types.h"
#include "limpid/server/facts.h"
#include "limpid/server/requests/generation_request.h"

/// What is said of generated texts, whole and in a stream.
namespace limpid::server {

/// A token and its bytes in the text; special tokens have none.
struct TokenBytes {
  TokenId id = 0;
  std::string bytes;
};

/// What the plain model made of the step in which a token was written.
struct Explanation {
  float base_log_prob = 0.0f;  ///< of the token that was written
  TokenBytes base;             ///< its best token
  double kl = 0.0;             ///< KL(detoxified || plain), nats
};

struct TokenRecord {
  TokenBytes token;
  std::optional<float> log_prob;                  ///< none: the first token of an echoed prompt, or not asked for
  std::vector<std::pair<TokenBytes, float>> top;  ///< best first
  std::optional<Explanation> explanation;
};

/// Text that a choice grows by, and just the tokens that it is made of. The text is whole characters.
struct Piece {
  size_t choice = 0;
  std::string text;
  std::vector<TokenRecord> tokens;
};

struct GuardReport {
  double threshold = 0.0;
  int64_t checks = 0, rewinds = 0, rewound_tokens = 0;
  bool refused = false;
  double score = 0.0;     ///< of the delivered text
  float strength = 0.0f;  ///< the highest that was used
};

/// How a choice ended.
struct Ending {
  size_t choice = 0;
  std::string finish_reason;  ///< "stop", "length" or "content_filter"
  std::optional<GuardReport> guard;
};

struct Usage {
  int64_t prompt_tokens = 0, completion_tokens = 0, cached_tokens = 0;
};

/// What all chunks of one response share.
struct ResponseHead {
  std::string id;       ///< "chatcmpl-…", "cmpl-…"
  int64_t created = 0;  ///< seconds since 1970
};

/// Puts the answer to one request into JSON. Numbers that are minus infinity are written -9999.0.
class GenerationResponse {
 public:
  GenerationResponse(ResponseHead head, const GenerationRequest& request, const ServerFacts& facts);

  /// Takes in what was written; pieces of a choice in order.
  void add(const Piece& piece);
  void add(const Ending& ending);
  /// Returns the whole response, when all choices have ended.
  std::string whole(const Usage& usage) const;

 private:
  // the owner of this file decides
};

/// The events of a stream: JSON texts, without "data: ".
class GenerationEvents {
 public:
  GenerationEvents(ResponseHead head, const GenerationRequest& request, const ServerFacts& facts);

  /// Returns the events of a piece; before the first of a chat's choice the one with its role.
  std::vector<std::string> of(const Piece& piece);
  std::vector<std::string> of(const Ending& ending);
  /// Returns the event with the usage; none where it was not asked for.
  std::optional<std::string> of(const Usage& usage) const;
};

}  // namespace limpid::server
