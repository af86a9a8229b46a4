#pragma once

#include <string>
#include <vector>

#include "limpid/decoding/row.h"
#include "limpid/models/model.h"

namespace limpid {

/// How texts are written behind prompts.
struct WritingOptions {
  int64_t tokens = 64;  ///< new tokens at most
  int64_t samples = 1;  ///< texts for each prompt
  SamplingOptions sampling;
  std::vector<std::string> stop;  ///< a text ends before the first of these strings
  bool chat = false;              ///< a prompt is a user's turn, put into the model's chat template
  bool ignore_end = false;        ///< end-of-text tokens do not end a text
  size_t rows = 25;               ///< texts decoded together; changes none of them
};

/// Returns what a Generator is asked for one text behind a prompt. Which prompt and which sample of it, and the
/// strengths, are the caller's to set.
/// @throws ConfigError when the model has no tokenizer, or with `chat` no chat template.
Request make_request(const Model& model, const std::string& prompt, const WritingOptions& options);

}  // namespace limpid
