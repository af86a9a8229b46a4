#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "limpid/tokenizers/tokenizer.h"

/// Conversations as the text a chat model was trained on.
namespace limpid {

struct Turn {
  std::string role;  ///< "system", "user", "assistant"
  std::string content;
};

/// Returns the turns of a JSON text as chat services have it: [{"role": "user", "content": "Hi"}, …]. Other keys are
/// passed over.
/// @param source  what errors call the text, for example its file
/// @throws FormatError, one line, for what is not such a list, an unknown role, and a conversation whose last turn is
/// the assistant's, which leaves nothing to answer.
std::vector<Turn> parse_conversation(std::string_view json, const std::string& source);

/// What a template sees, by name: "messages", "add_generation_prompt", "bos_token", "tools" and whatever else. The
/// order of a message's keys is kept, for templates show it.
using ChatVariables = nlohmann::ordered_json;

/// Returns what a jinja template (jinja/template.h) makes of the variables; tools and documents are none where they are
/// not among them.
/// @throws FormatError for a source that is no template; ConfigError for turns that it refuses, in its words, and for
/// what goes wrong in it, with its line.
std::string render_chat(std::string_view template_source, ChatVariables variables);

/// Renders with the tokenizer's own template, which also sees its special tokens; "chat_template" among the variables
/// takes the template's place. @throws ConfigError when there is none.
std::string render_chat(const Tokenizer& tokenizer, ChatVariables variables);

/// The same for turns. @throws ConfigError also when there are no turns.
std::string render_chat(const Tokenizer& tokenizer, const std::vector<Turn>& turns, bool add_generation_prompt);

/// Returns the ids of a rendered conversation: special tokens spelt in it are those tokens, also where encode() would
/// take them for text (SentencePiece), and none are added.
/// @param cut  stands where no token reaches across, and is left out; empty for none
TokenIds encode_chat(const Tokenizer& tokenizer, std::string_view rendered, std::string_view cut = {});

}  // namespace limpid
