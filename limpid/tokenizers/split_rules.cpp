#include "limpid/tokenizers/split_rules.h"

namespace limpid {
namespace {

Json split_then_bytes(const char* expression) {
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, byte_level_json(false)}}};
}

/// Returns a pre-tokenizer with what may be left out filled in and what changes no token left out.
Json plainly(Json pre_tokenizer) {
  if (!pre_tokenizer.is_object()) return pre_tokenizer;
  if (pre_tokenizer.contains("pretokenizers") && pre_tokenizer["pretokenizers"].is_array())
    for (Json& part : pre_tokenizer["pretokenizers"]) part = plainly(part);
  if (pre_tokenizer.value("type", Json()) == "ByteLevel") {
    pre_tokenizer.erase("trim_offsets");
    if (!pre_tokenizer.contains("use_regex")) pre_tokenizer["use_regex"] = true;
  }
  return pre_tokenizer;
}

}  // namespace

Json byte_level_json(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

std::optional<SplitRules> split_rules(const std::string& name) {
  const std::string words = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
  const std::string rest = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  if (name.empty() || name == "gpt-2" || name == "mpt" || name == "olmo" || name == "phi-2")
    return SplitRules{byte_level_json(true), nullptr};
  if (name == "smollm" || name == "starcoder" || name == "refact" || name == "codeshell") {
    const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
    return SplitRules{{{"type", "Sequence"}, {"pretokenizers", {digits, byte_level_json(true)}}}, nullptr};
  }
  if (name == "llama-bpe" || name == "llama3" || name == "llama-v3")
    return SplitRules{split_then_bytes((words + R"(\p{N}{1,3})" + rest).c_str()), nullptr, true, true};
  if (name == "qwen2") return SplitRules{split_then_bytes((words + R"(\p{N})" + rest).c_str()), {{"type", "NFC"}}};
  return std::nullopt;
}

std::optional<std::string> split_rules_name(const Json& pre_tokenizer, const Json& normalizer) {
  for (const char* name : {"gpt-2", "smollm", "llama-bpe", "qwen2"}) {
    const auto rules = split_rules(name);
    if (plainly(rules->pre_tokenizer) == plainly(pre_tokenizer) && rules->normalizer == normalizer) return name;
  }
  return std::nullopt;
}

}  // namespace limpid
