#include "limpid/tokenizers/chat.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/tokenizers/added_tokens.h"
#include "limpid/tokenizers/chat_template.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

struct Form {
  enum class Kind : uint8_t { kChatMl, kGemma } kind;
  bool default_system = false;  // ChatML: a system turn is put in front where there is none
  bool known_roles = false;     // ChatML: turns that are neither system, user nor assistant are left out
  const char* source;
};

// Sources as published, but for the text of default prompts.
constexpr Form kForms[] = {
    {Form::Kind::kChatMl, false, false,
     R"({% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %})"},
    {Form::Kind::kChatMl, true, false,
     R"({% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nDEFAULT<|im_end|>\n' }}{% endif %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %})"},
    {Form::Kind::kChatMl, true, true,
     R"({% if messages[0]['role'] == 'system' %}{{ '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}{% else %}{{ '<|im_start|>system\nDEFAULT<|im_end|>\n' }}{% endif %}{% for message in messages %}{% if (message.role == 'user') or (message.role == 'system' and not loop.first) or (message.role == 'assistant') %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %})"},
    {Form::Kind::kGemma, false, false,
     R"({{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %})"},
};

std::string render_chatml(const Form& form, const std::string& default_system, const std::vector<Turn>& turns,
                          bool prompt) {
  std::string out;
  const auto turn = [&](std::string_view role, std::string_view content) {
    out.append("<|im_start|>").append(role).append("\n").append(content).append("<|im_end|>\n");
  };
  if (form.default_system && turns.front().role != "system") turn("system", default_system);
  for (const Turn& t : turns)
    if (!form.known_roles || t.role == "system" || t.role == "user" || t.role == "assistant") turn(t.role, t.content);
  if (prompt) out += "<|im_start|>assistant\n";
  return out;
}

std::string trimmed(std::string_view text) {  // jinja's trim is Python's strip
  const auto blank = [](char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); };
  size_t begin = text.size(), end = 0;
  for (size_t at = 0; at < text.size();) {
    const Utf8 next = decode_utf8(text, at);
    if (!blank(next.code)) {
      begin = std::min(begin, at);
      end = at + next.size;
    }
    at += next.size;
  }
  return begin < end ? std::string(text.substr(begin, end - begin)) : "";
}

std::string render_gemma(const std::vector<Turn>& turns, bool prompt, std::string_view bos) {
  LIMPID_CHECK(turns.front().role != "system", ConfigError, "[chat] System role not supported");
  std::string out(bos);
  for (size_t i = 0; i < turns.size(); ++i) {
    LIMPID_CHECK((turns[i].role == "user") == (i % 2 == 0), ConfigError,
                 "[chat] Conversation roles must alternate user/assistant/user/assistant/...");
    const std::string& role = turns[i].role;
    out.append("<start_of_turn>").append(role == "assistant" ? "model" : role).append("\n");
    out.append(trimmed(turns[i].content)).append("<end_of_turn>\n");
  }
  if (prompt) out += "<start_of_turn>model\n";
  return out;
}

}  // namespace

std::string render_chat(std::string_view template_source, const std::vector<Turn>& turns, bool add_generation_prompt,
                        std::string_view bos) {
  LIMPID_CHECK(!turns.empty(), ConfigError, "[chat] a conversation needs at least one turn");
  const CanonicalTemplate given = canonical_template(template_source);
  for (const Form& form : kForms) {
    if (canonical_template(form.source).source != given.source) continue;
    if (form.kind == Form::Kind::kGemma) return render_gemma(turns, add_generation_prompt, bos);
    return render_chatml(form, given.default_system, turns, add_generation_prompt);
  }
  throw ConfigError(
      "[chat] the model's chat template is none that is built in (ChatML and Gemma turns); give a prompt without chat "
      "turns");
}

std::string render_chat(const Tokenizer& tokenizer, const std::vector<Turn>& turns, bool add_generation_prompt) {
  const std::string source = tokenizer.chat_template();
  LIMPID_CHECK(!source.empty(), ConfigError, "[chat] the model has no chat template; is it a base model?");
  const auto bos = tokenizer.bos();
  return render_chat(source, turns, add_generation_prompt, bos ? tokenizer.token_text(*bos) : std::string_view());
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
