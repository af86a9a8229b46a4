#pragma once

#include <optional>
#include <string>
#include <vector>

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

/// Returns the turns behind the system turn, where there is one.
std::vector<Turn> with_system(const std::optional<std::string>& system, std::vector<Turn> turns);

/// Returns how many tokens an answer may have so that a conversation fits beside it: as asked, at most half the
/// context.
int64_t answer_tokens(const Model& model, int64_t asked);

/// Drops the oldest questions with their answers until the rest and `tokens` new tokens fit into the model's context.
/// Returns how many turns were dropped. @throws ConfigError when the last question alone does not fit; as render_chat
size_t drop_oldest_turns(const Model& model, const std::optional<std::string>& system, std::vector<Turn>& turns,
                         int64_t tokens);

}  // namespace limpid
