#include "limpid/tokenizers/write_gguf_tokenizer.h"

#include <optional>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/warnings.h"
#include "limpid/tokenizers/gguf_vocabulary.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/tokenizer_files.h"

namespace limpid {
namespace {

using Merge = std::pair<std::string, std::string>;

/// A BPE tokenizer.json, or vocab.json with merges.txt as one.
struct BpeFile {
  std::string place;
  Json json;
  const Json& model() const { return json["model"]; }
  bool byte_fallback() const { return get_or<bool>(model(), "byte_fallback", false, place); }
};

Json merges_of_text(const std::string& text) {
  Json merges = Json::array();
  for_each_merge(text, [&](std::string_view line, size_t) { merges.push_back(std::string(line)); });
  return merges;
}

BpeFile read_bpe_file(const fs::path& folder) {
  BpeFile file;
  const fs::path path = folder / "tokenizer.json";
  if (fs::exists(path)) {
    file = {"[tokenizer] " + path.string(), read_json(path)};
  } else {
    LIMPID_CHECK(fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt"), ConfigError, "[tokenizer] ",
                 folder.string(), ": expected tokenizer.json, or vocab.json with merges.txt");
    file = {"[tokenizer] " + (folder / "vocab.json").string(),
            {{"pre_tokenizer", gpt2_pre_tokenizer()},
             {"model",
              {{"type", "BPE"},
               {"vocab", read_json(folder / "vocab.json")},
               {"merges", merges_of_text(read_file(folder / "merges.txt"))}}}}};
  }
  LIMPID_CHECK(file.json.is_object() && file.json.contains("model") && file.model().is_object(), FormatError,
               file.place, ": has no object \"model\"");
  const std::string type = get_or<std::string>(file.model(), "type", "BPE", file.place);
  LIMPID_CHECK(type == "BPE", ConfigError, file.place, ": a tokenizer of type ", quote(type),
               " cannot be written to a GGUF file; expected BPE");
  for (const char* part : {"vocab", "merges"})
    LIMPID_CHECK(file.model().contains(part) && file.model()[part].is_structured(), FormatError, file.place,
                 ": model has no \"", part, "\"");
  return file;
}

/// Returns the merges in order.
std::vector<Merge> merge_pairs(const BpeFile& file) {
  std::vector<Merge> merges;
  for (const Json& merge : file.model()["merges"]) {
    const auto place = [&] { return concat(file.place, ": model.merges[", merges.size(), "]"); };
    const auto [left, right] = read_merge(merge, place);
    merges.emplace_back(left, right);
  }
  return merges;
}

/// Names and kinds of tokens by id.
struct TokenList {
  std::vector<std::string> names;
  std::vector<int64_t> types;

  void add(const std::string& name, int64_t id, int64_t type, const std::string& place) {
    LIMPID_CHECK(id >= 0 && id < int64_t(names.size()), ConfigError, place, ": token ", quote(name), " has id ", id,
                 ", but the model has ", names.size(), " rows for tokens");
    names[size_t(id)] = name;
    types[size_t(id)] = type;
  }
};

/// @param tokenizer  knows the special tokens that only the files beside the vocabulary name
TokenList token_list(const BpeFile& file, const Tokenizer& tokenizer, int64_t rows) {
  TokenList vocabulary{std::vector<std::string>(size_t(rows)), std::vector<int64_t>(size_t(rows), kUnusedToken)};
  for (const auto& [name, id] : file.model()["vocab"].items()) {
    LIMPID_CHECK(id.is_number_integer(), FormatError, file.place, ": token ", quote(name), " has ", json_kind(id),
                 " for an id");
    const bool byte = file.byte_fallback() && fallback_byte(name) >= 0;
    vocabulary.add(name, id.get<int64_t>(), byte ? kByteToken : kNormalToken, file.place);
  }
  for (const AddedToken& token : read_added_tokens(file.json, file.place))
    vocabulary.add(token.content, token.id, token.special ? kControlToken : kUserDefinedToken, file.place);
  for (TokenId id = 0; id < rows && size_t(id) < tokenizer.vocab_size(); ++id)
    if (tokenizer.is_special(id)) vocabulary.add(std::string(tokenizer.token_text(id)), id, kControlToken, file.place);
  const std::string unknown = get_or<std::string>(file.model(), "unk_token", "", file.place);
  for (int64_t id = 0; id < rows; ++id) {
    auto& name = vocabulary.names[size_t(id)];
    if (name.empty()) name = concat("[PAD", id, "]");
    if (file.byte_fallback() && !unknown.empty() && name == unknown) vocabulary.types[size_t(id)] = kUnknownToken;
  }
  return vocabulary;
}

/// Returns whether text gets a space in front.
bool adds_space_prefix(const BpeFile& file) {
  const std::string normalizer = file.json.value("normalizer", Json()).dump();
  const Json pre = file.json.value("pre_tokenizer", Json());
  if (pre.is_object() && pre.value("type", Json()) == "Metaspace")
    return get_or<std::string>(pre, "prepend_scheme", "always", file.place) != "never";
  return normalizer.find("\"Prepend\"") != std::string::npos;
}

/// Returns SentencePiece's scores: the earlier a token is merged, the higher.
std::vector<double> scores_of(const TokenList& vocabulary, const std::vector<Merge>& merges) {
  std::map<std::string, double> score;
  for (const auto& [left, right] : merges) score.try_emplace(left + right, -double(score.size()));
  std::vector<double> scores;
  for (const std::string& name : vocabulary.names) {
    const auto merged = score.find(name);
    scores.push_back(merged == score.end() ? -double(score.size()) : merged->second);
  }
  return scores;
}

std::vector<std::string_view> views(const std::vector<std::string>& texts, std::deque<std::string>& storage) {
  std::vector<std::string_view> out;
  for (const std::string& text : texts) out.push_back(storage.emplace_back(text));
  return out;
}

void add_special_tokens(const Tokenizer& tokenizer, GgufTokenizer& out) {
  const auto put = [&](const char* key, std::optional<TokenId> id) {
    if (id) out.metadata[key] = {int64_t(*id)};
  };
  put("tokenizer.ggml.bos_token_id", tokenizer.bos());
  put("tokenizer.ggml.eos_token_id", tokenizer.eos());
  put("tokenizer.ggml.padding_token_id", tokenizer.pad());
  out.metadata["tokenizer.ggml.add_bos_token"] = {tokenizer.adds_bos()};
  const TokenIds around = tokenizer.encode("", /*add_special=*/true);
  const bool adds_eos = around.size() > size_t(tokenizer.adds_bos()) && around.back() == tokenizer.eos();
  out.metadata["tokenizer.ggml.add_eos_token"] = {adds_eos};
  if (const std::string chat = tokenizer.chat_template(); !chat.empty())
    out.metadata["tokenizer.chat_template"] = {chat};
}

/// Texts that show what changes them before they are split, and where they are split.
constexpr const char* kProbes[] = {"", "Kind Words cost nothing, they're worth 12345 and HTTPServer2.\n\n\tÉté: NAÏVE",
                                   "it's ", "日本語のテキスト、שלום नमस्ते 🙂 1½ x² ﬁ ①\r\n"};
// Metaspace puts no mark in front of a space, SentencePiece does.
constexpr const char* kOfByteLevel = " it's";
// NFC is not said of byte-level vocabularies (split_rules.h).
constexpr const char* kOfSentencePiece = "e\u0301 \u212b";

/// Refuses what the metadata cannot say.
void check_same_ids(const Tokenizer& tokenizer, const BpeFile& file, const TokenList& vocabulary,
                    const GgufTokenizer& written) {
  const auto read = read_gguf_tokenizer(*GgufFile::of(written.metadata, {}, "the GGUF file of " + file.place));
  std::vector<std::string> probes(std::begin(kProbes), std::end(kProbes));
  probes.emplace_back(file.byte_fallback() ? kOfSentencePiece : kOfByteLevel);
  for (size_t id = 0; id < vocabulary.names.size() && !file.byte_fallback(); ++id)
    if (is_added_type(vocabulary.types[id]))
      for (const char* space : {"", " "}) probes.push_back(concat("a", space, vocabulary.names[id], space, "a"));
  for (const std::string& probe : probes)
    LIMPID_CHECK(
        tokenizer.encode(probe, true) == read->encode(probe, true), ConfigError, file.place,
        ": a GGUF file cannot say this tokenizer: the text ", quote(probe),
        " would have other ids; are there special tokens around a text, a normalizer or tokens that take white "
        "space which GGUF has no key for?");
}

/// SentencePiece's vocabularies in GGUF files look for special tokens in conversations alone, and as they are.
void warn_of_flags(const BpeFile& file) {
  for (const AddedToken& token : read_added_tokens(file.json, file.place))
    if (token.lstrip || token.rstrip || token.single_word)
      return warn(concat(file.place, ": token ", quote(token.content),
                         " says which white space or words stand around it (lstrip, rstrip, single_word), which a GGUF "
                         "file cannot: conversations may have other ids there"));
}

}  // namespace

GgufTokenizer gguf_tokenizer(const fs::path& folder, int64_t rows) {
  const BpeFile file = read_bpe_file(folder);
  const auto tokenizer = open_tokenizer(folder);
  const TokenList vocabulary = token_list(file, *tokenizer, rows);
  const std::vector<Merge> merges = merge_pairs(file);
  GgufTokenizer out;
  if (file.byte_fallback()) {
    out.metadata["tokenizer.ggml.model"] = {std::string("llama")};
    out.metadata["tokenizer.ggml.pre"] = {std::string("default")};
    out.metadata["tokenizer.ggml.scores"] = {scores_of(vocabulary, merges)};
    out.metadata["tokenizer.ggml.add_space_prefix"] = {adds_space_prefix(file)};
    for (size_t id = 0; id < vocabulary.types.size(); ++id)
      if (vocabulary.types[id] == kUnknownToken) out.metadata["tokenizer.ggml.unknown_token_id"] = {int64_t(id)};
    warn_of_flags(file);
  } else {
    const auto name = split_rules_name(file.json.value("pre_tokenizer", Json()), file.json.value("normalizer", Json()),
                                       get_or<bool>(file.model(), "ignore_merges", false, file.place));
    LIMPID_CHECK(
        name, ConfigError, file.place,
        ": its pre_tokenizer, normalizer and ignore_merges have no name in GGUF files that Limpid knows; known "
        "are gpt-2, smollm, llama-bpe, smaug-bpe and qwen2");
    out.metadata["tokenizer.ggml.model"] = {std::string("gpt2")};
    out.metadata["tokenizer.ggml.pre"] = {*name};
    std::vector<std::string> lines;
    for (const auto& [left, right] : merges) lines.push_back(left + " " + right);
    out.metadata["tokenizer.ggml.merges"] = {views(lines, out.texts)};
  }
  out.metadata["tokenizer.ggml.tokens"] = {views(vocabulary.names, out.texts)};
  out.metadata["tokenizer.ggml.token_type"] = {vocabulary.types};
  add_special_tokens(*tokenizer, out);
  check_same_ids(*tokenizer, file, vocabulary, out);
  return out;
}

}  // namespace limpid
