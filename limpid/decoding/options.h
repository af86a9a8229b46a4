#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/decoding/sampler.h"

namespace limpid {

/// Sampling settings of which each may be left open (decoding/model_sampling.h).
struct SamplingChoices {
  std::optional<bool> greedy = {};
  std::optional<float> temperature = {};
  std::optional<int64_t> top_k = {};
  std::optional<float> top_p = {}, min_p = {}, typical_p = {}, repetition_penalty = {};
  bool operator==(const SamplingChoices&) const = default;
};

/// Settings of the texts that are written behind prompts. No LibTorch here: the command line binds to it.
struct WritingOptions {
  int64_t tokens = 64;  ///< new tokens at most
  int64_t samples = 1;  ///< texts for each prompt
  SamplingOptions sampling;
  std::vector<std::string> stop;           ///< a text ends before the first of these strings
  bool chat = false;                       ///< a prompt is a user's turn, put into the model's chat template
  std::optional<std::string> system = {};  ///< with `chat`: a system turn in front of it
  bool ignore_end = false;                 ///< end-of-text tokens do not end a text
  int64_t rows = 25;                       ///< texts decoded together; changes none of them
};

}  // namespace limpid
