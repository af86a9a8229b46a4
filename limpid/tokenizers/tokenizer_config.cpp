#include "limpid/tokenizers/tokenizer_files.h"

namespace limpid {

namespace {

// A special token is written as a string or as {"content": …}.
void read_name(const Json& config, const char* key, std::string& name) {
  const auto member = config.find(key);
  if (member == config.end()) return;
  const Json& value = member->is_object() && member->contains("content") ? (*member)["content"] : *member;
  if (value.is_string() && name.empty()) name = value.get<std::string>();
}

void read_flag(const Json& config, const char* key, std::optional<bool>& flag) {
  const auto member = config.find(key);
  if (member != config.end() && member->is_boolean()) flag = member->get<bool>();
}

std::string default_template(const Json& config) {
  const auto templates = config.find("chat_template");
  if (templates == config.end()) return "";
  if (templates->is_string()) return templates->get<std::string>();
  if (templates->is_array())  // several, by name
    for (const Json& entry : *templates)
      if (entry.is_object() && entry.value("name", Json()) == "default" && entry.value("template", Json()).is_string())
        return entry["template"].get<std::string>();
  return "";
}

}  // namespace

TokenizerConfig read_tokenizer_config(const fs::path& folder) {
  TokenizerConfig out;
  if (folder.empty()) return out;
  for (const char* file : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (!fs::exists(folder / file)) continue;
    const Json config = read_json(folder / file);
    LIMPID_CHECK(config.is_object(), FormatError, "[tokenizer] ", (folder / file).string(), ": is ", json_kind(config),
                 ", expected an object");
    read_name(config, "bos_token", out.bos);
    read_name(config, "eos_token", out.eos);
    read_name(config, "pad_token", out.pad);
    read_name(config, "unk_token", out.unk);
    read_name(config, "cls_token", out.cls);
    read_name(config, "sep_token", out.sep);
    read_name(config, "mask_token", out.mask);
    read_flag(config, "add_bos_token", out.add_bos);
    read_flag(config, "add_eos_token", out.add_eos);
    read_flag(config, "do_lower_case", out.lower_case);
    read_flag(config, "strip_accents", out.strip_accents);
    read_flag(config, "tokenize_chinese_chars", out.space_ideographs);
    read_flag(config, "add_prefix_space", out.add_prefix_space);
    if (out.chat_template.empty()) out.chat_template = default_template(config);
  }
  if (out.chat_template.empty() && fs::exists(folder / "chat_template.json")) {
    const Json config = read_json(folder / "chat_template.json");
    if (config.is_object()) out.chat_template = default_template(config);
  }
  if (fs::exists(folder / "chat_template.jinja")) out.chat_template = read_file(folder / "chat_template.jinja");
  return out;
}

}  // namespace limpid
