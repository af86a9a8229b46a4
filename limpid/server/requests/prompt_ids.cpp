#include "limpid/server/requests/prompt_ids.h"

#include <algorithm>

#include "limpid/server/requests/fields.h"
#include "limpid/server/requests/spelt_tokens.h"

namespace limpid::server {

namespace {

/// Returns whether an error's words repeat a content; with the shortest they may have a word in common.
bool repeats_content(std::string_view words, const std::vector<Turn>& turns) {
  constexpr size_t kShortest = 4;
  for (const Turn& turn : turns)
    if (turn.content.size() > kShortest && words.find(turn.content) != std::string_view::npos) return true;
  return false;
}

/// Returns what the client is told of a template that does not take its turns.
ApiError refused_turns(std::string words, const std::vector<Turn>& turns) {
  constexpr std::string_view kRoom = "[chat] ";  // whose errors begin with it
  if (words.starts_with(kRoom)) words.erase(0, kRoom.size());
  if (repeats_content(words, turns)) words = "the model's chat template refuses these messages";
  return {400, "invalid_value", words, "messages"};
}

void check_bytes(size_t bytes, const std::string& path, const ServerFacts& facts) {
  if (facts.longest_token == 0 || bytes / facts.longest_token <= size_t(facts.context)) return;
  throw ApiError(
      400, "context_length_exceeded",
      concat("\"", path, "\" has ", bytes, " bytes, more than a context of ", facts.context, " tokens holds"), path);
}

TokenIds completion_ids(const std::variant<std::string, TokenIds>& prompt, const std::string& path,
                        const Tokenizer& tokenizer, const ServerFacts& facts) {
  if (const auto* ids = std::get_if<TokenIds>(&prompt)) return *ids;
  const std::string& text = std::get<std::string>(prompt);
  check_bytes(text.size(), path, facts);
  TokenIds ids = tokenizer.encode(text, /*add_special=*/true);
  if (!ids.empty()) return ids;
  if (facts.text_beginning < 0)
    throw invalid_value(path, "a text without tokens", "some text: the model has no token that begins one");
  return {facts.text_beginning};
}

/// @param room  tokens that must fit behind the prompt: 0 where it is only read
void check_length(size_t tokens, int64_t room, const std::string& path, const ServerFacts& facts) {
  if (int64_t(tokens) + room <= facts.context) return;
  throw ApiError(400, "context_length_exceeded",
                 concat("\"", path, "\" has ", tokens, " tokens, expected at most ", facts.context - room,
                        ": prompt and answer share a context of ", facts.context),
                 path);
}

}  // namespace

size_t longest_token(const Tokenizer& tokenizer) {
  size_t longest = 0;
  for (TokenId id = 0; size_t(id) < tokenizer.vocab_size(); ++id)
    longest = std::max(longest, tokenizer.token_text(id).size());
  return longest;
}

TokenIds chat_ids(const std::vector<Turn>& turns, const Tokenizer& tokenizer) {
  if (tokenizer.chat_template().empty())
    throw ApiError(400, "invalid_value",
                   "\"messages\" need a model with a chat template, which this one has not; use /v1/completions",
                   "messages");
  const auto [marked, mark] = mark_spelt_tokens(turns, tokenizer);
  std::string rendered;
  try {
    rendered = render_chat(tokenizer, marked, /*add_generation_prompt=*/true);
  } catch (const ConfigError& refusal) {
    throw refused_turns(refusal.what(), marked);
  }
  return encode_chat(tokenizer, rendered, mark);
}

std::vector<TokenIds> prompt_ids(const GenerationRequest& request, const Tokenizer& tokenizer,
                                 const ServerFacts& facts) {
  const int64_t room = request.max_tokens == 0 ? 0 : 1;
  std::vector<TokenIds> all;
  if (request.chat) {
    size_t bytes = 0;
    for (const Turn& turn : request.messages) bytes += turn.content.size();
    check_bytes(bytes, "messages", facts);
    all.push_back(chat_ids(request.messages, tokenizer));
    check_length(all[0].size(), room, "messages", facts);
  }
  for (const auto& prompt : request.prompts) {
    const std::string path = request.prompts.size() == 1 ? "prompt" : concat("prompt[", all.size(), "]");
    all.push_back(completion_ids(prompt, path, tokenizer, facts));
    check_length(all.back().size(), room, path, facts);
  }
  return all;
}

}  // namespace limpid::server
