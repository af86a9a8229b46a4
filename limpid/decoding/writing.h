#pragma once

#include <string>

#include "limpid/decoding/options.h"
#include "limpid/decoding/row.h"
#include "limpid/models/model.h"
#include "limpid/tokenizers/chat.h"

namespace limpid {

/// Returns what a Generator is asked for one text behind a prompt. Which prompt and which sample of it, and the
/// strengths, are the caller's to set.
/// @throws ConfigError when the model has no tokenizer, or with `chat` no chat template that can say the turns.
Request make_request(const Model& model, const std::string& prompt, const WritingOptions& options);

/// The same for the answer to a conversation, whatever `chat` and `system` of the options are.
Request make_request(const Model& model, const std::vector<Turn>& conversation, const WritingOptions& options);

/// Checks that a prompt and the tokens asked for behind it fit the model's context.
/// @param place  what the message begins with: "FILE:LINE: "    @throws ConfigError that says both lengths.
void check_fits(const Model& model, const Request& request, const std::string& place = "");

}  // namespace limpid
