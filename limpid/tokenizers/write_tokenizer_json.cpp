#include "limpid/tokenizers/write_tokenizer_json.h"

#include <algorithm>
#include <optional>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/core/json.h"
#include "limpid/tokenizers/gguf_vocabulary.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/string_index.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {
namespace {

struct Vocabulary {
  const GgufFile& file;
  const std::vector<std::string_view>& names;

  std::string place() const { return place_of(file); }
  std::string name(TokenId id) const { return std::string(names[size_t(id)]); }
  std::optional<std::string> special(const char* key) const {
    const auto id = special_id(file, key);
    return id ? std::optional(name(*id)) : std::nullopt;
  }
};

Json added_tokens(const Vocabulary& vocabulary, const std::vector<int64_t>& types) {
  Json added = Json::array();
  for (size_t id = 0; id < types.size(); ++id) {
    if (!is_added_type(types[id])) continue;
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
    const auto place = [&] { return concat(vocabulary.place(), ": tokenizer.ggml.merges[", merges.size(), "]"); };
    const auto [left, right] = split_merge(merge, place);
    merges.push_back({std::string(left), std::string(right)});
  }
  return merges;
}

/// Puts a token in front and one behind, where they are given.
Json post_processor(const Vocabulary& vocabulary, std::optional<TokenId> before, std::optional<TokenId> behind) {
  if (!before && !behind) return nullptr;
  Json specials = Json::object(), single = Json::array(), pair = Json::array();
  const auto add = [&](std::optional<TokenId> id, int type, Json& sequence) {
    if (!id) return;
    const std::string name = vocabulary.name(*id);
    specials[name] = {{"id", name}, {"ids", Json::array({*id})}, {"tokens", Json::array({name})}};
    sequence.push_back({{"SpecialToken", {{"id", name}, {"type_id", type}}}});
  };
  const auto add_text = [&](const char* text, int type, Json& sequence) {
    add(before, type, sequence);
    sequence.push_back({{"Sequence", {{"id", text}, {"type_id", type}}}});
    add(behind, type, sequence);
  };
  add_text("A", 0, single);
  add_text("A", 0, pair);
  if (behind) before = std::nullopt;  // between two texts stands what ends the first
  add_text("B", 1, pair);
  return {{"type", "TemplateProcessing"}, {"special_tokens", specials}, {"single", single}, {"pair", pair}};
}

/// Parts that a kind of vocabulary says in its own way.
struct Parts {
  Json normalizer, pre_tokenizer, decoder, model;
  std::optional<TokenId> before, behind;  // added to a text
};

/// Returns BOS where it is to be added.
std::optional<TokenId> added_bos(const GgufFile& file, bool adds_bos) {
  return file.boolean_or("tokenizer.ggml.add_bos_token", adds_bos) ? special_id(file, "tokenizer.ggml.bos_token_id")
                                                                   : std::nullopt;
}
std::optional<TokenId> added_eos(const GgufFile& file) {
  return file.boolean_or("tokenizer.ggml.add_eos_token", false) ? special_id(file, "tokenizer.ggml.eos_token_id")
                                                                : std::nullopt;
}

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
  const std::string pre = vocabulary.file.text_or("tokenizer.ggml.pre", "");
  const auto rules = split_rules(pre.empty() ? "gpt-2" : pre);
  if (!rules) return std::nullopt;
  const Json normalizer = split_rules_normalizer(pre);
  return Parts{normalizer,
               rules->pre_tokenizer,
               gpt2_pre_tokenizer(),
               bpe_model(vocabulary, merge_list(vocabulary), false, nullptr, rules->ignore_merges),
               added_bos(vocabulary.file, rules->adds_bos),
               added_eos(vocabulary.file)};
}

std::optional<Parts> wordpiece_parts(const Vocabulary& vocabulary) {
  const GgufWordPiece words = read_gguf_wordpiece(vocabulary.file);
  Json ids = Json::object();
  for (size_t id = 0; id < words.names.size(); ++id)
    ids[words.names[id].empty() ? vocabulary.name(TokenId(id)) : words.names[id]] = id;
  const Json normalizer = {{"type", "BertNormalizer"},
                           {"clean_text", true},
                           {"handle_chinese_chars", true},
                           {"strip_accents", nullptr},
                           {"lowercase", !words.cased}};
  const Json model = {{"type", "WordPiece"},
                      {"unk_token", vocabulary.name(words.unknown)},
                      {"continuing_subword_prefix", "##"},
                      {"max_input_chars_per_word", 100},
                      {"vocab", std::move(ids)}};
  const auto if_added = [](bool adds, TokenId id) { return adds ? std::optional(id) : std::nullopt; };
  return Parts{
      normalizer, {{"type", "BertPreTokenizer"}},      {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}},
      model,      if_added(words.adds_cls, words.cls), if_added(words.adds_sep, words.sep)};
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
    unknown = vocabulary.name(TokenId(token - types.begin()));
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
               added_bos(vocabulary.file, true),
               added_eos(vocabulary.file)};
}

}  // namespace

bool write_tokenizer_json(const GgufFile& file, const fs::path& folder) {
  const std::string kind = file.text_or("tokenizer.ggml.model", "");
  if (kind != "gpt2" && kind != "llama" && kind != "bert") return false;
  const Vocabulary vocabulary{file, token_names(file)};
  const std::vector<int64_t> types = token_types(file);
  const std::optional<Parts> parts = kind == "gpt2"   ? byte_level_parts(vocabulary)
                                     : kind == "bert" ? wordpiece_parts(vocabulary)
                                                      : sentencepiece_parts(vocabulary, types);
  if (!parts) return false;
  const Json tokenizer = {{"version", "1.0"},
                          {"truncation", nullptr},
                          {"padding", nullptr},
                          {"added_tokens", added_tokens(vocabulary, types)},
                          {"normalizer", parts->normalizer},
                          {"pre_tokenizer", parts->pre_tokenizer},
                          {"post_processor", post_processor(vocabulary, parts->before, parts->behind)},
                          {"decoder", parts->decoder},
                          {"model", parts->model}};

  // The generic class takes tokenizer.json as it is; others are rebuilt from their name and lose split rules.
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  if (kind != "bert") config["add_bos_token"] = parts->before.has_value();
  const std::pair<const char*, const char*> roles[] = {{"bos_token", "tokenizer.ggml.bos_token_id"},
                                                       {"eos_token", "tokenizer.ggml.eos_token_id"},
                                                       {"pad_token", "tokenizer.ggml.padding_token_id"}};
  for (const auto& [role, key] : roles)
    if (const auto name = vocabulary.special(key)) config[role] = *name;
  if (file.has("tokenizer.chat_template")) config["chat_template"] = file.text("tokenizer.chat_template");
  write_file(folder / "tokenizer.json", to_text(tokenizer));
  write_file(folder / "tokenizer_config.json", to_text(config, 2) + "\n");
  return true;
}

}  // namespace limpid
