#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "limpid/decoding/sampler.h"

/// One sequence being written.
namespace limpid {

struct StopRules {
  int64_t max_new_tokens = 20;
  std::vector<TokenId> stop_tokens;       ///< end-of-text ids; the token that stops is not part of the result
  std::vector<std::string> stop_strings;  ///< text before the first of them is kept
};

/// What is asked of the Generator. `prompt` and `sample` key the random stream: uniform = Philox(seed, prompt, sample,
/// step).
struct Request {
  uint64_t prompt = 0, sample = 0;
  TokenIds prompt_ids;
  TokenIds given;  ///< taken in this order before any token is sampled: to see how likely a text is
  SamplingOptions sampling;
  StopRules stop;
  std::vector<float> strengths;  ///< one per session, in their order; 0 is off
};

enum class FinishReason { Length, Stop };
inline const char* name(FinishReason reason) { return reason == FinishReason::Stop ? "stop" : "length"; }

using RowId = uint64_t;

/// A prompt whose samples are still to come, or a sample. Sessions see rows; only the Generator changes them.
struct Row {
  RowId id = 0;
  Request request;
  TokenIds new_ids;  ///< of the last step's input and before; empty while the prompt is read

  TokenIds history() const {
    TokenIds all = request.prompt_ids;
    all.insert(all.end(), new_ids.begin(), new_ids.end());
    return all;
  }
};

/// A finished sample.
struct Completion {
  uint64_t prompt = 0, sample = 0;
  TokenIds ids;
  std::string text;
  FinishReason finish_reason = FinishReason::Length;
};

}  // namespace limpid
