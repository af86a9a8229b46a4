#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limpid/core/error.h"
#include "limpid/core/names.h"
#include "limpid/decoding/sampler.h"

/// One sequence being written.
namespace limpid {

struct StopRules {
  int64_t max_new_tokens = 20;
  std::vector<TokenId> stop_tokens;       ///< end-of-text ids; the token that stops is not part of the result
  std::vector<std::string> stop_strings;  ///< text before the first of them is kept
};

enum class FinishReason { Length, Stop, Error };
inline constexpr const char* kFinishReasons[] = {"length", "stop", "error"};
constexpr Names names_of(FinishReason) { return kFinishReasons; }

/// Names one request of a Generator.
using RequestId = uint64_t;

/// What the plain model, reading the same text along, made of a step.
struct StepExplanation {
  float base_log_prob = 0.0f;  ///< of the token that was drawn, nats
  TokenId base_id = 0;         ///< its best token
  double kl = 0.0;             ///< KL(detoxified || plain), nats; exactly 0 where nothing acts
};

/// A token as it is drawn, the one that stops included.
struct TokenEvent {
  RequestId request = 0;
  TokenId id = 0;
  /// Text that the token adds: complete characters, and nothing that may still become a stop string. All of a request's
  /// events together give the text of its Completion.
  std::string text = {};
  /// Log-probability of the token, and of the likeliest ones, best first; nats, behind all sessions, before temperature
  /// and filters.
  std::optional<float> log_prob = {};
  std::vector<std::pair<TokenId, float>> top = {};
  std::optional<StepExplanation> explanation = {};
  std::optional<FinishReason> finish_reason = {};  ///< of the last event
};

/// One text asked of the Generator. `prompt`, `sample` and `attempt` key the random stream: uniform = Philox(seed,
/// prompt, sample + 2^24 attempt, step).
struct Request {
  uint64_t prompt = 0, sample = 0;
  uint32_t attempt = 0;  ///< the same text with other random numbers
  TokenIds prompt_ids = {};
  TokenIds given = {};  ///< taken in this order before any token is sampled: to see how likely a text is
  SamplingOptions sampling = {};
  StopRules stop = {};
  std::vector<float> strengths = {};                     ///< one per session, in their order; 0 is off
  std::function<void(const TokenEvent&)> on_token = {};  ///< called for each token, in order; may be empty
  std::optional<size_t> log_probs = {};                  ///< events tell log-probabilities, also of so many top tokens
  bool explain = false;           ///< events tell what the plain model made of the step (GeneratorOptions::explains)
  std::string prefix_owner = {};  ///< whose kept prompts it may begin with (KeptPrefixes); empty: nobody's
};

/// A prompt whose samples are still to come, or a sample. Sessions see rows; only the Generator changes them.
struct Row {
  RequestId id = 0;  ///< 0 for a prompt
  Request request = {};
  TokenIds new_ids = {};  ///< drawn so far; empty while the prompt is read

  SeenTokens seen() const { return {request.prompt_ids, new_ids}; }
  TokenIds history() const {
    TokenIds ids = request.prompt_ids;
    ids.insert(ids.end(), new_ids.begin(), new_ids.end());
    return ids;
  }
};

/// A finished sample.
struct Completion {
  uint64_t prompt = 0, sample = 0;
  TokenIds ids = {};
  std::string text = {};
  FinishReason finish_reason = FinishReason::Length;
  std::string error = {};  ///< message, where an error is the reason; ids and text are those before it
  RequestId request = 0;
  size_t kept_tokens = 0;   ///< of the prompt, that had been read for an earlier request
  bool not_finite = false;  ///< the error is that no token could be drawn from its logits

  /// @throws Error with the message when the sample ended with one.
  void check() const { LIMPID_CHECK(finish_reason != FinishReason::Error, Error, error); }
};

}  // namespace limpid
