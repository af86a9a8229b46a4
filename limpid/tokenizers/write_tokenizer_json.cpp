#include "limpid/tokenizers/write_tokenizer_json.h"

#include <optional>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/core/json.h"

namespace limpid {
namespace {

enum TokenType : int64_t { kUnknown = 2, kControl = 3, kUserDefined = 4 };   // tokenizer.ggml.token_type

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json split_then_bytes(const char* expression) {
  const Json split = {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, byte_level(false)}}};
}

/// How text is cut before merging, by the name in tokenizer.ggml.pre.
struct SplitRules {
  Json pre_tokenizer;
  Json normalizer;
  bool ignore_merges = false, adds_bos = false;
};

std::optional<SplitRules> rules_of(const std::string& name) {
  const std::string words = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
  const std::string rest = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  if (name.empty() || name == "gpt-2" || name == "mpt" || name == "olmo" || name == "phi-2") return SplitRules{byte_level(true), nullptr};
  if (name == "smollm" || name == "starcoder" || name == "refact" || name == "codeshell") {
    const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
    return SplitRules{{{"type", "Sequence"}, {"pretokenizers", {digits, byte_level(true)}}}, nullptr};
  }
  if (name == "llama-bpe" || name == "llama3" || name == "llama-v3")
    return SplitRules{split_then_bytes((words + R"(\p{N}{1,3})" + rest).c_str()), nullptr, true, true};
  if (name == "qwen2") return SplitRules{split_then_bytes((words + R"(\p{N})" + rest).c_str()), {{"type", "NFC"}}};
  return std::nullopt;
}

struct Vocabulary {
  const GgufFile& file;
  const std::vector<std::string_view>& names;

  std::string where() const { return "[tokenizer] " + file.source(); }
  std::string name(int64_t id, const char* key) const {
    LIMPID_CHECK(id >= 0 && size_t(id) < names.size(), FormatError, where(), ": ", key, " is ", id, ", expected 0 to ", names.size() - 1);
    return std::string(names[size_t(id)]);
  }
  std::optional<std::string> special(const char* key) const {
    if (!file.has(key)) return std::nullopt;
    return name(file.integer(key), key);
  }
};

Json added_tokens(const Vocabulary& vocabulary) {
  Json added = Json::array();
  if (!vocabulary.file.has("tokenizer.ggml.token_type")) return added;
  const auto& types = vocabulary.file.integers("tokenizer.ggml.token_type");
  LIMPID_CHECK(types.size() == vocabulary.names.size(), FormatError, vocabulary.where(), ": tokenizer.ggml.token_type has ", types.size(),
               " entries, tokenizer.ggml.tokens ", vocabulary.names.size());
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] != kControl && types[id] != kUserDefined && types[id] != kUnknown) continue;
    added.push_back({{"id", id}, {"content", std::string(vocabulary.names[id])}, {"single_word", false}, {"lstrip", false},
                     {"rstrip", false}, {"normalized", false}, {"special", types[id] != kUserDefined}});
  }
  return added;
}

Json merge_list(const Vocabulary& vocabulary) {
  Json merges = Json::array();
  for (std::string_view merge : vocabulary.file.texts("tokenizer.ggml.merges")) {
    const size_t space = merge.find(' ', 1);
    LIMPID_CHECK(space != std::string_view::npos && space + 1 < merge.size(), FormatError, vocabulary.where(), ": merge ", quote(merge),
                 " is not two fields");
    merges.push_back({std::string(merge.substr(0, space)), std::string(merge.substr(space + 1))});
  }
  return merges;
}

/// Puts BOS in front where the file asks for it.
Json post_processor(const Vocabulary& vocabulary, const std::optional<std::string>& bos, bool adds_bos) {
  if (!adds_bos || !bos) return nullptr;
  const Json begin = {{"SpecialToken", {{"id", *bos}, {"type_id", 0}}}}, text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const Json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}, begin_second = {{"SpecialToken", {{"id", *bos}, {"type_id", 1}}}};
  const Json ids = Json::array({vocabulary.file.integer("tokenizer.ggml.bos_token_id")});
  Json processor = {{"type", "TemplateProcessing"}, {"special_tokens", {{*bos, {{"id", *bos}, {"ids", ids}, {"tokens", Json::array({*bos})}}}}}};
  processor["single"] = Json::array({begin, text});
  processor["pair"] = Json::array({begin, text, begin_second, second});
  return processor;
}

}  // namespace

bool write_tokenizer_json(const GgufFile& file, const fs::path& folder) {
  if (file.text_or("tokenizer.ggml.model", "") != "gpt2") return false;
  const auto rules = rules_of(file.text_or("tokenizer.ggml.pre", ""));
  if (!rules) return false;
  const Vocabulary vocabulary{file, file.texts("tokenizer.ggml.tokens")};
  const auto bos = vocabulary.special("tokenizer.ggml.bos_token_id"), eos = vocabulary.special("tokenizer.ggml.eos_token_id"),
             pad = vocabulary.special("tokenizer.ggml.padding_token_id");
  const bool adds_bos = file.boolean_or("tokenizer.ggml.add_bos_token", rules->adds_bos);

  Json ids = Json::object();
  for (size_t id = 0; id < vocabulary.names.size(); ++id) ids[std::string(vocabulary.names[id])] = id;
  const Json model = {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr}, {"fuse_unk", false}, {"byte_fallback", false},
                      {"ignore_merges", rules->ignore_merges}, {"vocab", std::move(ids)}, {"merges", merge_list(vocabulary)}};
  const Json tokenizer = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", added_tokens(vocabulary)},
                          {"normalizer", rules->normalizer}, {"pre_tokenizer", rules->pre_tokenizer},
                          {"post_processor", post_processor(vocabulary, bos, adds_bos)}, {"decoder", byte_level(true)}, {"model", model}};

  // The generic class takes tokenizer.json as it is; others are rebuilt from their name and lose split rules.
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}, {"add_bos_token", adds_bos}};
  if (bos) config["bos_token"] = *bos;
  if (eos) config["eos_token"] = *eos;
  if (pad) config["pad_token"] = *pad;
  if (file.has("tokenizer.chat_template")) config["chat_template"] = file.text("tokenizer.chat_template");
  write_file(folder / "tokenizer.json", to_text(tokenizer));
  write_file(folder / "tokenizer_config.json", to_text(config, 2) + "\n");
  return true;
}

}  // namespace limpid
