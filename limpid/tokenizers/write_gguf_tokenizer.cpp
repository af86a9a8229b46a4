#include "limpid/tokenizers/write_gguf_tokenizer.h"

#include <optional>

#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/sentencepiece_parts.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/tokenizer.h"
#include "limpid/tokenizers/unicode.h"

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
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    if (!line.empty() && !line.starts_with("#version")) merges.push_back(line);
    begin = end + 1;
  }
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

/// Returns the merges in order, written as two strings or as one with a space.
std::vector<Merge> merge_pairs(const BpeFile& file) {
  std::vector<Merge> merges;
  for (const Json& merge : file.model()["merges"]) {
    const std::string place = concat(file.place, ": merge ", merges.size());
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    LIMPID_CHECK(merge.is_string(), FormatError, place, " is ", json_kind(merge), ", expected two strings");
    const std::string text = merge.get<std::string>();
    const size_t space = text.find(' ', 1);
    LIMPID_CHECK(space != std::string::npos && space + 1 < text.size(), FormatError, place, ": ", quote(text),
                 " is not two fields");
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
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

bool is_byte_name(const std::string& name) {
  return name.size() == 6 && name.starts_with("<0x") && name.ends_with(">");
}

TokenList token_list(const BpeFile& file, int64_t rows) {
  TokenList vocabulary{std::vector<std::string>(size_t(rows)), std::vector<int64_t>(size_t(rows), kUnusedToken)};
  for (const auto& [name, id] : file.model()["vocab"].items()) {
    LIMPID_CHECK(id.is_number_integer(), FormatError, file.place, ": token ", quote(name), " has ", json_kind(id),
                 " for an id");
    const bool byte = file.byte_fallback() && is_byte_name(name);
    vocabulary.add(name, id.get<int64_t>(), byte ? kByteToken : kNormalToken, file.place);
  }
  for (const Json& token : file.json.value("added_tokens", Json::array())) {
    const bool special = get_or<bool>(token, "special", true, file.place);
    vocabulary.add(require<std::string>(token, "content", file.place), require<int64_t>(token, "id", file.place),
                   special ? kControlToken : kUserDefinedToken, file.place);
  }
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
  if (const std::string chat = tokenizer.chat_template(); !chat.empty())
    out.metadata["tokenizer.chat_template"] = {chat};
}

}  // namespace

GgufTokenizer gguf_tokenizer(const fs::path& folder, int64_t rows) {
  const BpeFile file = read_bpe_file(folder);
  const TokenList vocabulary = token_list(file, rows);
  const std::vector<Merge> merges = merge_pairs(file);
  GgufTokenizer out;
  if (file.byte_fallback()) {
    out.metadata["tokenizer.ggml.model"] = {std::string("llama")};
    out.metadata["tokenizer.ggml.pre"] = {std::string("default")};
    out.metadata["tokenizer.ggml.scores"] = {scores_of(vocabulary, merges)};
    out.metadata["tokenizer.ggml.add_space_prefix"] = {adds_space_prefix(file)};
    for (size_t id = 0; id < vocabulary.types.size(); ++id)
      if (vocabulary.types[id] == kUnknownToken) out.metadata["tokenizer.ggml.unknown_token_id"] = {int64_t(id)};
  } else {
    const auto name = split_rules_name(file.json.value("pre_tokenizer", Json()), file.json.value("normalizer", Json()));
    LIMPID_CHECK(name, ConfigError, file.place,
                 ": its pre_tokenizer or normalizer has no name in GGUF files that Limpid knows; known are gpt-2, "
                 "smollm, llama-bpe and qwen2");
    out.metadata["tokenizer.ggml.model"] = {std::string("gpt2")};
    out.metadata["tokenizer.ggml.pre"] = {*name};
    std::vector<std::string> lines;
    for (const auto& [left, right] : merges) lines.push_back(left + " " + right);
    out.metadata["tokenizer.ggml.merges"] = {views(lines, out.texts)};
  }
  out.metadata["tokenizer.ggml.tokens"] = {views(vocabulary.names, out.texts)};
  out.metadata["tokenizer.ggml.token_type"] = {vocabulary.types};
  add_special_tokens(*open_tokenizer(folder), out);
  return out;
}

}  // namespace limpid
