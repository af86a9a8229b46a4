#pragma once

#include <string>

#include "limpid/decoding/options.h"
#include "limpid/decoding/row.h"
#include "limpid/models/model.h"

namespace limpid {

/// Returns what a Generator is asked for one text behind a prompt. Which prompt and which sample of it, and the
/// strengths, are the caller's to set.
/// @throws ConfigError when the model has no tokenizer, or with `chat` no chat template.
Request make_request(const Model& model, const std::string& prompt, const WritingOptions& options);

}  // namespace limpid
