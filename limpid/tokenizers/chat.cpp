#include "limpid/tokenizers/chat.h"

#include <map>

#include "limpid/core/error.h"
#include "limpid/tokenizers/added_tokens.h"
#include "limpid/tokenizers/jinja/template.h"

namespace limpid {

std::string render_chat(std::string_view template_source, ChatVariables variables) {
  for (const char* name : {"tools", "documents"})
    if (!variables.contains(name)) variables[name] = nullptr;
  return jinja::Template(template_source).render(variables);
}

std::string render_chat(const Tokenizer& tokenizer, ChatVariables variables) {
  const auto given = variables.find("chat_template");
  const bool replaced = given != variables.end() && !given->is_null();
  LIMPID_CHECK(!replaced || given->is_string(), FormatError, "[chat] \"chat_template\" is a value of type ",
               given->type_name(), ", expected a template as a string");
  const std::string source = replaced ? given->get<std::string>() : tokenizer.chat_template();
  LIMPID_CHECK(!source.empty(), ConfigError, "[chat] the model has no chat template; is it a base model?");
  const std::pair<const char*, std::optional<TokenId>> tokens[] = {
      {"bos_token", tokenizer.bos()}, {"eos_token", tokenizer.eos()}, {"pad_token", tokenizer.pad()}};
  for (const auto& [name, id] : tokens)
    if (id && !variables.contains(name)) variables[name] = tokenizer.token_text(*id);
  return render_chat(source, std::move(variables));
}

std::string render_chat(const Tokenizer& tokenizer, const std::vector<Turn>& turns, bool add_generation_prompt) {
  LIMPID_CHECK(!turns.empty(), ConfigError, "[chat] a conversation needs at least one turn");
  ChatVariables variables = {{"messages", ChatVariables::array()}, {"add_generation_prompt", add_generation_prompt}};
  for (const Turn& turn : turns) variables["messages"].push_back({{"role", turn.role}, {"content", turn.content}});
  return render_chat(tokenizer, std::move(variables));
}

namespace {

/// Returns whether encode() takes a special token's spelling for the token.
bool is_found(const Tokenizer& tokenizer, TokenId id) {
  const TokenIds ids = tokenizer.encode(tokenizer.token_text(id), false);
  return ids.size() == 1 && tokenizer.is_special(ids[0]);
}

/// Returns where special tokens stand in a text that encode() would take for text there.
std::vector<AddedTokens::Match> missed_specials(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<AddedToken> specials;
  for (TokenId id = 0; size_t(id) < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_special(id)) continue;
    AddedToken token;
    token.content = std::string(tokenizer.token_text(id));
    token.id = id;
    specials.push_back(std::move(token));
  }
  std::vector<AddedTokens::Match> matches = AddedTokens(std::move(specials)).find_all(text);
  std::map<TokenId, bool> found;
  std::erase_if(matches, [&](const AddedTokens::Match& match) {
    const auto [known, is_new] = found.try_emplace(match.id);
    if (is_new) known->second = is_found(tokenizer, match.id);
    return known->second;
  });
  return matches;
}

/// Appends the ids of a text, part by part between the cuts.
void append_encoded(const Tokenizer& tokenizer, std::string_view text, std::string_view cut, TokenIds& ids) {
  for (PartStart start = {};; start.text_start = false) {
    const size_t end = cut.empty() ? std::string_view::npos : text.find(cut);
    const TokenIds more = tokenizer.encode_part(text.substr(0, end), start);
    ids.insert(ids.end(), more.begin(), more.end());
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + cut.size());
  }
}

}  // namespace

TokenIds encode_chat(const Tokenizer& tokenizer, std::string_view rendered, std::string_view cut) {
  TokenIds ids;
  size_t done = 0;
  const auto text = [&](size_t end) { append_encoded(tokenizer, rendered.substr(done, end - done), cut, ids); };
  // As in llama.cpp, what stands behind such a token gets the space in front of a text again.
  for (const AddedTokens::Match& match : missed_specials(tokenizer, rendered)) {
    text(match.begin);
    ids.push_back(match.id);
    done = match.end;
  }
  text(rendered.size());
  return ids;
}

}  // namespace limpid
