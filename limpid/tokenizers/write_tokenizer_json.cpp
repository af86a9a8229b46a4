#include "limpid/tokenizers/write_tokenizer_json.h"

#include <algorithm>
#include <optional>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/core/json.h"
#include "limpid/tokenizers/sentencepiece_parts.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/string_index.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {
namespace {

struct Vocabulary {
  const GgufFile& file;
  const std::vector<std::string_view>& names;

  std::string place() const { return "[tokenizer] " + file.source(); }
  std::string name(int64_t id, const char* key) const {
    LIMPID_CHECK(id >= 0 && size_t(id) < names.size(), FormatError, place(), ": ", key, " is ", id, ", expected 0 to ",
                 names.size() - 1);
    return std::string(names[size_t(id)]);
  }
  std::optional<std::string> special(const char* key) const {
    if (!file.has(key)) return std::nullopt;
    return name(file.integer(key), key);
  }
};

std::vector<int64_t> types_of(const Vocabulary& vocabulary) {
  if (!vocabulary.file.has("tokenizer.ggml.token_type"))
    return std::vector<int64_t>(vocabulary.names.size(), kNormalToken);
  const auto& types = vocabulary.file.integers("tokenizer.ggml.token_type");
  LIMPID_CHECK(types.size() == vocabulary.names.size(), FormatError, vocabulary.place(),
               ": tokenizer.ggml.token_type has ", types.size(), " entries, tokenizer.ggml.tokens ",
               vocabulary.names.size());
  return types;
}

Json added_tokens(const Vocabulary& vocabulary, const std::vector<int64_t>& types) {
  Json added = Json::array();
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] != kControlToken && types[id] != kUserDefinedToken && types[id] != kUnknownToken) continue;
    // Words with visible spaces can only be met once spaces have become visible.
    const bool marked =
        types[id] == kUserDefinedToken && vocabulary.names[id].find(kWordMark) != std::string_view::npos;
    added.push_back({{"id", id},
                     {"content", std::string(vocabulary.names[id])},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", marked},
                     {"special", types[id] != kUserDefinedToken}});
  }
  return added;
}

Json merge_list(const Vocabulary& vocabulary) {
  Json merges = Json::array();
  for (std::string_view merge : vocabulary.file.texts("tokenizer.ggml.merges")) {
    const size_t space = merge.find(' ', 1);
    LIMPID_CHECK(space != std::string_view::npos && space + 1 < merge.size(), FormatError, vocabulary.place(),
                 ": merge ", quote(merge), " is not two fields");
    merges.push_back({std::string(merge.substr(0, space)), std::string(merge.substr(space + 1))});
  }
  return merges;
}

/// Puts BOS in front where the file asks for it.
Json post_processor(const Vocabulary& vocabulary, const std::optional<std::string>& bos, bool adds_bos) {
  if (!adds_bos || !bos) return nullptr;
  const Json begin = {{"SpecialToken", {{"id", *bos}, {"type_id", 0}}}},
             text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const Json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}},
             begin_second = {{"SpecialToken", {{"id", *bos}, {"type_id", 1}}}};
  const Json ids = Json::array({vocabulary.file.integer("tokenizer.ggml.bos_token_id")});
  Json processor = {{"type", "TemplateProcessing"},
                    {"special_tokens", {{*bos, {{"id", *bos}, {"ids", ids}, {"tokens", Json::array({*bos})}}}}}};
  processor["single"] = Json::array({begin, text});
  processor["pair"] = Json::array({begin, text, begin_second, second});
  return processor;
}

/// Parts that a kind of vocabulary says in its own way.
struct Parts {
  Json normalizer, pre_tokenizer, decoder, model;
  bool adds_bos = false;
};

Json bpe_model(const Vocabulary& vocabulary, Json merges, bool byte_fallback, const Json& unknown, bool ignore_merges) {
  Json ids = Json::object();
  for (size_t id = 0; id < vocabulary.names.size(); ++id) ids[std::string(vocabulary.names[id])] = id;
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", unknown},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", byte_fallback},
          {"byte_fallback", byte_fallback},
          {"ignore_merges", ignore_merges},
          {"vocab", std::move(ids)},
          {"merges", std::move(merges)}};
}

std::optional<Parts> byte_level_parts(const Vocabulary& vocabulary) {
  const auto rules = split_rules(vocabulary.file.text_or("tokenizer.ggml.pre", ""));
  if (!rules) return std::nullopt;
  return Parts{rules->normalizer, rules->pre_tokenizer, byte_level_json(true),
               bpe_model(vocabulary, merge_list(vocabulary), false, nullptr, rules->ignore_merges), rules->adds_bos};
}

/// Returns SentencePiece's merges, which join the pair whose joined token scores highest, as rules: for each token,
/// best score first, every way of cutting it into two tokens.
Json merges_by_score(const Vocabulary& vocabulary, const std::vector<int64_t>& types,
                     const std::vector<double>& scores) {
  StringIndex index;
  std::vector<size_t> order;
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] != kNormalToken && types[id] != kUnusedToken) continue;
    index.insert(vocabulary.names[id], int32_t(id));
    order.push_back(id);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  Json merges = Json::array();
  for (size_t id : order) {
    const std::string_view name = vocabulary.names[id];
    for (size_t cut = 1; cut < name.size(); ++cut) {
      if ((uint8_t(name[cut]) & 0xC0) == 0x80) continue;
      const std::string_view left = name.substr(0, cut), right = name.substr(cut);
      if (index.find(left) >= 0 && index.find(right) >= 0) merges.push_back({std::string(left), std::string(right)});
    }
  }
  return merges;
}

std::optional<Parts> sentencepiece_parts(const Vocabulary& vocabulary, const std::vector<int64_t>& types) {
  const std::vector<double>& scores = vocabulary.file.numbers("tokenizer.ggml.scores");
  LIMPID_CHECK(scores.size() == types.size(), FormatError, vocabulary.place(), ": tokenizer.ggml.scores has ",
               scores.size(), " entries, tokenizer.ggml.tokens ", types.size());
  std::optional<std::string> unknown = vocabulary.special("tokenizer.ggml.unknown_token_id");
  if (const auto token = std::find(types.begin(), types.end(), int64_t(kUnknownToken));
      !unknown && token != types.end())
    unknown = vocabulary.name(token - types.begin(), "the unknown token");
  if (!unknown || std::find(types.begin(), types.end(), int64_t(kByteToken)) == types.end()) return std::nullopt;
  const std::string mark(kWordMark);
  const Json mark_spaces = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", mark}};
  const Json show_spaces = {{"type", "Replace"}, {"pattern", {{"String", mark}}}, {"content", " "}};
  Json decoders = Json::array({show_spaces, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  Json normalizer = mark_spaces;
  if (vocabulary.file.boolean_or("tokenizer.ggml.add_space_prefix", true)) {
    normalizer = {{"type", "Sequence"},
                  {"normalizers", Json::array({{{"type", "Prepend"}, {"prepend", mark}}, mark_spaces})}};
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return Parts{normalizer,
               nullptr,
               {{"type", "Sequence"}, {"decoders", decoders}},
               bpe_model(vocabulary, merges_by_score(vocabulary, types, scores), true, *unknown, false),
               true};
}

}  // namespace

bool write_tokenizer_json(const GgufFile& file, const fs::path& folder) {
  const std::string kind = file.text_or("tokenizer.ggml.model", "");
  if (kind != "gpt2" && kind != "llama") return false;
  const Vocabulary vocabulary{file, file.texts("tokenizer.ggml.tokens")};
  const std::vector<int64_t> types = types_of(vocabulary);
  const std::optional<Parts> parts =
      kind == "gpt2" ? byte_level_parts(vocabulary) : sentencepiece_parts(vocabulary, types);
  if (!parts) return false;
  const auto bos = vocabulary.special("tokenizer.ggml.bos_token_id"),
             eos = vocabulary.special("tokenizer.ggml.eos_token_id"),
             pad = vocabulary.special("tokenizer.ggml.padding_token_id");
  const bool adds_bos = file.boolean_or("tokenizer.ggml.add_bos_token", parts->adds_bos);
  const Json tokenizer = {{"version", "1.0"},
                          {"truncation", nullptr},
                          {"padding", nullptr},
                          {"added_tokens", added_tokens(vocabulary, types)},
                          {"normalizer", parts->normalizer},
                          {"pre_tokenizer", parts->pre_tokenizer},
                          {"post_processor", post_processor(vocabulary, bos, adds_bos)},
                          {"decoder", parts->decoder},
                          {"model", parts->model}};

  // The generic class takes tokenizer.json as it is; others are rebuilt from their name and lose split rules.
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false},
                 {"add_bos_token", adds_bos}};
  if (bos) config["bos_token"] = *bos;
  if (eos) config["eos_token"] = *eos;
  if (pad) config["pad_token"] = *pad;
  if (file.has("tokenizer.chat_template")) config["chat_template"] = file.text("tokenizer.chat_template");
  write_file(folder / "tokenizer.json", to_text(tokenizer));
  write_file(folder / "tokenizer_config.json", to_text(config, 2) + "\n");
  return true;
}

}  // namespace limpid
