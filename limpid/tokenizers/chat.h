#pragma once

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

/// Returns what the jinja template makes of the turns. The templates of ChatML (plain, with a default system prompt as
/// SmolLM2 and Qwen2, with Qwen2.5's choice of roles) and of Gemma are built in and recognised from their source,
/// whatever its spacing, quotes and concatenations; no jinja is run.
/// @param bos  spelling of the BOS token, which Gemma's template writes
/// @throws ConfigError for another template, for no turns, and for turns that the template refuses, in its words.
std::string render_chat(std::string_view template_source, const std::vector<Turn>& turns, bool add_generation_prompt,
                        std::string_view bos = "");

/// Renders with the tokenizer's own template. @throws ConfigError when it has none.
std::string render_chat(const Tokenizer& tokenizer, const std::vector<Turn>& turns, bool add_generation_prompt);

/// Returns the ids of a rendered conversation: special tokens spelt in it are those tokens, also where encode() would
/// take them for text (SentencePiece), and none are added.
TokenIds encode_chat(const Tokenizer& tokenizer, std::string_view rendered);

}  // namespace limpid
