#include "limpid/tokenizers/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/warnings.h"

namespace limpid {
namespace {

/// The tokens with a role, in the order in which transformers adds those that are new.
constexpr std::pair<const char*, std::string TokenizerConfig::*> kTokenRoles[] = {
    {"bos_token", &TokenizerConfig::bos},  {"eos_token", &TokenizerConfig::eos}, {"unk_token", &TokenizerConfig::unk},
    {"sep_token", &TokenizerConfig::sep},  {"pad_token", &TokenizerConfig::pad}, {"cls_token", &TokenizerConfig::cls},
    {"mask_token", &TokenizerConfig::mask}};

Json read_object(const fs::path& file) {
  if (!fs::exists(file)) return Json::object();
  Json object = read_json(file);
  const std::string place = "[tokenizer] " + file.string();
  LIMPID_CHECK(object.is_object(), FormatError, place, ": is ", json_kind(object), ", expected an object");
  remove_ignored_settings(object, place);
  return object;
}

bool has(const Json& object, const char* key) { return object.contains(key) && !object[key].is_null(); }

/// Reads a token: its text, or an object with "content" and flags. A text that is `special` is looked for as it is.
AddedToken read_token(const Json& json, bool special, const std::string& place) {
  AddedToken token;
  token.id = -1;
  token.special = special;
  if (json.is_string()) {
    token.content = json.get<std::string>();
    token.normalized = !special;
    return token;
  }
  LIMPID_CHECK(json.is_object(), FormatError, place, ": is ", json_kind(json), ", expected a token");
  token.content = require<std::string>(json, "content", place);
  token.special = special || get_or<bool>(json, "special", false, place);
  token.normalized = get_or<bool>(json, "normalized", !token.special, place);
  token.lstrip = get_or<bool>(json, "lstrip", false, place);
  token.rstrip = get_or<bool>(json, "rstrip", false, place);
  token.single_word = get_or<bool>(json, "single_word", false, place);
  return token;
}

void add(AddedToken token, std::vector<AddedToken>& tokens) {
  const auto same = [&](const AddedToken& other) { return other.content == token.content; };
  if (!token.content.empty() && std::none_of(tokens.begin(), tokens.end(), same)) tokens.push_back(std::move(token));
}

TokenId id_from(int64_t id, const std::string& place) {
  LIMPID_CHECK(id >= 0 && id <= INT32_MAX, FormatError, place, ": id is ", id);
  return TokenId(id);
}

/// Reads {"400": {"content": "<extra>", …}, …}.
std::vector<AddedToken> read_listed(const Json& list, const std::string& place) {
  LIMPID_CHECK(list.is_object(), FormatError, place, ": is ", json_kind(list), ", expected an object of id: token");
  std::vector<AddedToken> tokens;
  for (const auto& [key, token] : list.items()) {
    const std::string token_place = concat(place, ": ", quote(key));
    int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    LIMPID_CHECK(error == std::errc() && end == key.data() + key.size(), FormatError, token_place, " is not an id");
    tokens.push_back(read_token(token, /*special=*/false, token_place));
    tokens.back().id = id_from(id, token_place);
  }
  return tokens;
}

/// Reads added_tokens.json: {"<extra>": 400, …}. Those that have a role or are named elsewhere as special are.
std::vector<AddedToken> read_added_file(const Json& file, const std::vector<AddedToken>& specials,
                                        const std::string& place) {
  std::vector<AddedToken> tokens;
  for (const auto& [content, id] : file.items()) {
    const std::string token_place = concat(place, ": ", quote(content));
    LIMPID_CHECK(id.is_number_integer(), FormatError, token_place, ": id is ", json_kind(id), ", expected an integer");
    const auto named = [&content = content](const AddedToken& special) { return special.content == content; };
    tokens.push_back(read_token(content, std::any_of(specials.begin(), specials.end(), named), token_place));
    tokens.back().id = id_from(id.get<int64_t>(), token_place);
  }
  return tokens;
}

/// Reads the special tokens that are named: those with a role of every tokenizer, those with one of this tokenizer
/// ("image_token"), and lists of others.
std::vector<AddedToken> read_specials(const Json& config, const std::string& place, TokenizerConfig& out) {
  std::vector<AddedToken> tokens;
  const auto add_special = [&](const Json& token, const std::string& key) {
    add(read_token(token, /*special=*/true, concat(place, ": \"", key, "\"")), tokens);
  };
  for (const auto& [key, name] : kTokenRoles) {
    if (!has(config, key)) continue;
    add_special(config[key], key);
    out.*name = config[key].is_object() ? config[key].value("content", "") : config[key].get<std::string>();
  }
  const auto has_role = [](const std::string& key) {
    return std::any_of(std::begin(kTokenRoles), std::end(kTokenRoles),
                       [&](const auto& role) { return key == role.first; });
  };
  for (const auto& [key, value] : config.items())
    if (key.ends_with("_token") && value.is_string() && !has_role(key)) add_special(value, key);
  const char* list = has(config, "extra_special_tokens") ? "extra_special_tokens" : "additional_special_tokens";
  if (!has(config, list)) return tokens;
  LIMPID_CHECK(config[list].is_structured(), FormatError, place, ": \"", list, "\" is ", json_kind(config[list]),
               ", expected a list of tokens");
  for (const Json& token : config[list]) add_special(token, list);
  return tokens;
}

void read_flags(const Json& config, const std::string& place, TokenizerConfig& out) {
  const auto read = [&](const char* key) {
    return has(config, key) ? std::optional(require<bool>(config, key, place)) : std::nullopt;
  };
  out.add_bos = read("add_bos_token");
  out.add_eos = read("add_eos_token");
  out.lower_case = read("do_lower_case");
  out.strip_accents = read("strip_accents");
  out.space_ideographs = read("tokenize_chinese_chars");
  out.add_prefix_space = read("add_prefix_space");
  out.split_special = read("split_special_tokens").value_or(false);
}

/// Returns a file's template; of several by name "default", and a warning where that is not among them.
std::string default_template(const Json& config, const std::string& place) {
  if (!has(config, "chat_template")) return "";
  const Json& templates = config["chat_template"];
  if (templates.is_string()) return templates.get<std::string>();
  const std::string list_place = place + ": \"chat_template\"";
  LIMPID_CHECK(templates.is_structured(), FormatError, list_place, " is ", json_kind(templates),
               ", expected a template, or several by name");
  std::map<std::string, std::string> by_name;
  for (const auto& [key, entry] : templates.items())
    if (templates.is_object())
      by_name[key] = require<std::string>(templates, key.c_str(), list_place);
    else
      by_name[require<std::string>(entry, "name", list_place)] = require<std::string>(entry, "template", list_place);
  if (const auto found = by_name.find("default"); found != by_name.end()) return found->second;
  std::string names;
  for (const auto& [name, source] : by_name) (names += names.empty() ? "" : ", ") += quote(name);
  warn(concat(list_place, " names ", names.empty() ? "none" : names, ", and not \"default\", the one that is used"));
  return "";
}

std::string class_of(const Json& config) {
  const Json name = config.value("tokenizer_class", Json());
  std::string text = name.is_string() ? name.get<std::string>() : "";
  return text.ends_with("Fast") ? text.substr(0, text.size() - 4) : text;
}

}  // namespace

TokenizerConfig read_tokenizer_config(const fs::path& folder) {
  TokenizerConfig out;
  if (folder.empty()) return out;
  const fs::path file = folder / "tokenizer_config.json", added_file = folder / "added_tokens.json";
  const std::string place = "[tokenizer] " + file.string();
  out.place = "[tokenizer] " + folder.string();
  Json config = read_object(file), map = read_object(folder / "special_tokens_map.json");
  // A tokenizer_config.json that lists its tokens is complete; beside an older one the other two files count first.
  const bool lists_tokens = has(config, "added_tokens_decoder");
  if (lists_tokens) {
    map.erase("additional_special_tokens");
    map.erase("extra_special_tokens");
    std::swap(config, map);
  }
  config.update(map);
  out.tokenizer_class = class_of(config);
  read_flags(config, place, out);
  const fs::path template_file = folder / "chat_template.json";
  out.chat_template = default_template(config, place);
  if (out.chat_template.empty())
    out.chat_template = default_template(read_object(template_file), "[tokenizer] " + template_file.string());
  if (fs::exists(folder / "chat_template.jinja")) out.chat_template = read_file(folder / "chat_template.jinja");

  const std::vector<AddedToken> specials = read_specials(config, place, out);
  std::vector<AddedToken> listed =
      lists_tokens ? read_listed(config["added_tokens_decoder"], place + ": \"added_tokens_decoder\"")
                   : read_added_file(read_object(added_file), specials, "[tokenizer] " + added_file.string());
  std::sort(listed.begin(), listed.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  for (AddedToken& token : listed) add(std::move(token), out.tokens);
  for (const AddedToken& token : specials) add(token, out.tokens);
  return out;
}

}  // namespace limpid
