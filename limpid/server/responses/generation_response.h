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

/// A token and its bytes in the text; special tokens have none, and are shown by their spelling.
struct TokenBytes {
  TokenId id = 0;
  std::string bytes;
  std::string spelling = {};  ///< of a token without bytes
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

/// What all parts of an answer repeat, and what was asked for.
struct AnswerFrame {
  AnswerFrame(ResponseHead head, const GenerationRequest& request, const ServerFacts& facts);

  ResponseHead head;
  bool chat, log_probs, explain, include_usage;
  size_t choices;
  std::string model, fingerprint, refusal;
  nlohmann::ordered_json limpid;  ///< detox, seed and, where there are any, ignored
};

/// What a choice needs to know of its earlier pieces.
struct ChoiceProgress {
  bool started = false;   ///< the role was sent
  size_t characters = 0;  ///< of the text so far
  size_t explained = 0;   ///< tokens with an explanation
  double kl_sum = 0.0;
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
  struct Choice {
    ChoiceProgress progress;
    std::string text;
    nlohmann::ordered_json log_probs, explanations;
    Ending ending;
  };
  nlohmann::ordered_json choice_json(const Choice& choice) const;

  AnswerFrame frame_;
  std::vector<Choice> choices_;
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

 private:
  nlohmann::ordered_json delta_choice(size_t choice, nlohmann::ordered_json delta) const;
  void begin(size_t choice, std::vector<std::string>& events);
  std::string event(nlohmann::ordered_json choice);

  AnswerFrame frame_;
  std::vector<ChoiceProgress> choices_;
  bool first_ = true;  // the next event is the first
};

}  // namespace limpid::server
