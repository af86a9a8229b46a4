#include "limpid/tokenizers/chat.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/core/files.h"
#include "limpid/core/resources.h"
#include "limpid/tokenizers/added_tokens.h"
#include "limpid/tokenizers/chat_template.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

/// A template that is recognised, and how its turns are written. The files hold sources as published, but for the text
/// of default prompts.
struct Form {
  enum class Kind : uint8_t { kChatMl, kGemma } kind;
  bool default_system = false;  // ChatML: a system turn is put in front where there is none
  bool known_roles = false;     // ChatML: turns that are neither system, user nor assistant are left out
  const char* file;
};
constexpr Form kForms[] = {
    {Form::Kind::kChatMl, false, false, "chat/chatml.jinja"},
    {Form::Kind::kChatMl, true, false, "chat/chatml-default-system.jinja"},
    {Form::Kind::kChatMl, true, true, "chat/chatml-known-roles.jinja"},
    {Form::Kind::kGemma, false, false, "chat/gemma-turns.jinja"},
};

/// Returns the form of a template, compared without its layout and quotes; null when none is like it.
const Form* find_form(const std::string& canonical_source) {
  static const std::vector<std::string> known = [] {
    std::vector<std::string> sources;
    for (const Form& form : kForms) sources.push_back(canonical_template(read_file(find_resource(form.file))).source);
    return sources;
  }();
  const auto form = std::find(known.begin(), known.end(), canonical_source);
  return form == known.end() ? nullptr : &kForms[form - known.begin()];
}

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
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 next = decode_utf8(text, offset);
    if (!blank(next.code)) {
      begin = std::min(begin, offset);
      end = offset + next.size;
    }
    offset += next.size;
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
  const Form* form = find_form(given.source);
  LIMPID_CHECK(
      form, ConfigError,
      "[chat] the model's chat template is none that is built in (ChatML and Gemma turns); give a prompt without "
      "chat turns");
  if (form->kind == Form::Kind::kGemma) return render_gemma(turns, add_generation_prompt, bos);
  return render_chatml(*form, given.default_system, turns, add_generation_prompt);
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
