#include "limpid/tokenizers/chat.h"

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
  const bool replaced = given != variables.end() && given->is_string();
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

TokenIds encode_chat(const Tokenizer& tokenizer, std::string_view rendered) {
  std::vector<AddedToken> specials;
  for (TokenId id = 0; size_t(id) < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_special(id)) continue;
    AddedToken token;
    token.content = std::string(tokenizer.token_text(id));
    token.id = id;
    specials.push_back(std::move(token));
  }
  TokenIds ids;
  size_t done = 0;
  const auto text = [&](size_t end) {
    const TokenIds more = tokenizer.encode(rendered.substr(done, end - done), false);
    ids.insert(ids.end(), more.begin(), more.end());
  };
  for (const AddedTokens::Match& match : AddedTokens(std::move(specials)).find_all(rendered)) {
    text(match.begin);
    ids.push_back(match.id);
    done = match.end;
  }
  text(rendered.size());
  return ids;
}

}  // namespace limpid
