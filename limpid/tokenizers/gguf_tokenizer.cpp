#include <algorithm>
#include <map>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/warnings.h"
#include "limpid/tokenizers/sentencepiece_parts.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/unicode.h"
#include "limpid/tokenizers/wordpiece.h"

namespace limpid {

namespace {

std::string place_of(const GgufFile& file) { return "[tokenizer] " + file.source(); }

std::vector<int64_t> token_types(const GgufFile& file, size_t count) {
  if (!file.has("tokenizer.ggml.token_type")) return std::vector<int64_t>(count, kNormalToken);
  const std::vector<int64_t>& types = file.integers("tokenizer.ggml.token_type");
  LIMPID_CHECK(types.size() == count, FormatError, place_of(file), ": tokenizer.ggml.token_type has ", types.size(),
               " entries, tokenizer.ggml.tokens ", count);
  return types;
}

std::optional<TokenId> special_id(const GgufFile& file, const char* key, size_t count) {
  if (!file.has(key)) return std::nullopt;
  const int64_t id = file.integer(key);
  LIMPID_CHECK(id >= 0 && size_t(id) < count, FormatError, place_of(file), ": ", key, " is ", id, ", expected 0 to ",
               int64_t(count) - 1);
  return TokenId(id);
}

const std::vector<std::string_view>& token_names(const GgufFile& file) {
  const auto& names = file.texts("tokenizer.ggml.tokens");
  LIMPID_CHECK(!names.empty(), FormatError, place_of(file), ": tokenizer.ggml.tokens is empty");
  return names;
}

void read_specials(const GgufFile& file, size_t count, bool adds_bos, bool adds_eos, PipelineParts& parts) {
  parts.bos = special_id(file, "tokenizer.ggml.bos_token_id", count);
  parts.eos = special_id(file, "tokenizer.ggml.eos_token_id", count);
  parts.pad = special_id(file, "tokenizer.ggml.padding_token_id", count);
  parts.chat_template = file.text_or("tokenizer.chat_template", "");
  if (file.boolean_or("tokenizer.ggml.add_bos_token", adds_bos) && parts.bos) parts.prefix = {*parts.bos};
  if (file.boolean_or("tokenizer.ggml.add_eos_token", adds_eos) && parts.eos) parts.suffix = {*parts.eos};
}

std::vector<AddedToken> added_of(const std::vector<std::string_view>& names, const std::vector<int64_t>& types) {
  std::vector<AddedToken> added;
  for (size_t id = 0; id < names.size(); ++id) {
    if (types[id] != kControlToken && types[id] != kUserDefinedToken && types[id] != kUnknownToken) continue;
    AddedToken token;
    token.content = std::string(names[id]);
    token.id = TokenId(id);
    token.special = types[id] != kUserDefinedToken;
    added.push_back(std::move(token));
  }
  return added;
}

SplitStage regex_stage(std::string_view expression) {
  SplitStage stage;
  stage.regex = Regex(expression, "[tokenizer] split expression");
  return stage;
}

// The expressions of the tokenizer.json files that these names of llama.cpp stand for.
constexpr std::string_view kLlama3Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Settings that come with a name in tokenizer.ggml.pre.
struct PreSettings {
  bool ignore_merges = false, adds_bos = false;
};

/// Adds the split that tokenizer.ggml.pre names. @throws ConfigError for a name that is not known.
PreSettings read_pre(const std::string& name, PreTokenizer& pre, const std::string& place) {
  using Stage = SplitStage;
  if (name.empty() || name == "gpt-2" || name == "mpt" || name == "olmo" || name == "phi-2") {
    add_gpt2_pretokenizer(pre);
    return {};
  }
  if (name == "smollm" || name == "starcoder" || name == "refact" || name == "codeshell") {
    pre.add_split({Stage::Pattern::kDigit, Stage::Behavior::kIsolated});
    add_gpt2_pretokenizer(pre);
    return {};
  }
  if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") {
    pre.add_split(regex_stage(kLlama3Split));
    pre.add_byte_letters();
    return {true, true};
  }
  if (name == "qwen2") {
    pre.add_split(regex_stage(kQwen2Split));
    pre.add_byte_letters();
    return {};  // Qwen2 normalises to NFC in its tokenizer.json; a GGUF file does not ask for it
  }
  if (name == "falcon") {
    pre.add_split({Stage::Pattern::kPunctuation, Stage::Behavior::kContiguous});
    add_gpt2_pretokenizer(pre);
    pre.add_split({Stage::Pattern::kDigit, Stage::Behavior::kContiguous});
    pre.add_split(regex_stage("[0-9][0-9][0-9]"));
    return {};
  }
  throw ConfigError(concat(place, ": pre-tokenizer ", quote(name), " (tokenizer.ggml.pre) is not supported"));
}

std::shared_ptr<const Tokenizer> read_bpe(const GgufFile& file) {
  const std::string place = place_of(file);
  const auto& names = token_names(file);
  const std::vector<int64_t> types = token_types(file, names.size());
  PipelineParts parts;
  const std::string pre_name = file.text_or("tokenizer.ggml.pre", "");
  if (pre_name.empty())
    warn(concat(place,
                ": does not say how text is split (tokenizer.ggml.pre is missing, as in files from before May "
                "2024), so GPT-2's rule is used and ids may be wrong; convert the model again with a newer converter"));
  const PreSettings pre = read_pre(pre_name, parts.pretokenizer, place);
  read_specials(file, names.size(), pre.adds_bos, false, parts);

  // Added tokens are spelt as they are; a name written twice counts as its later id.
  StringIndex index;
  index.reserve(names.size());
  std::vector<std::string> bytes(names.size());
  for (size_t id = 0; id < names.size(); ++id) {
    index.insert(names[id], TokenId(id));
    from_byte_letters(names[id], bytes[id]);
  }
  const auto& merges = file.texts("tokenizer.ggml.merges");
  std::vector<BpeModel::Rule> rules;
  rules.reserve(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto merge_place = [&] { return concat(place, ": tokenizer.ggml.merges[", i, "]"); };
    const auto [left, right] = split_merge(merges[i], merge_place);
    rules.push_back(merge_rule(index, left, right, merge_place));
  }
  const std::vector<AddedToken> added = added_of(names, types);
  for (const AddedToken& token : added) bytes[size_t(token.id)].clear();  // only reached as a whole
  BpeModel::Options options;
  options.bytes = true;
  options.ignore_merges = pre.ignore_merges;
  parts.model = std::make_unique<BpeModel>(bytes, rules, options);
  parts.tokens = token_table(bytes, added);
  parts.raw_added = AddedTokens(added);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

std::shared_ptr<const Tokenizer> read_sentencepiece(const GgufFile& file) {
  const std::string place = place_of(file);
  const auto& names = token_names(file);
  const std::vector<int64_t> types = token_types(file, names.size());
  const std::vector<double>& scores = file.numbers("tokenizer.ggml.scores");
  LIMPID_CHECK(scores.size() == names.size(), FormatError, place, ": tokenizer.ggml.scores has ", scores.size(),
               " entries, tokenizer.ggml.tokens ", names.size());
  SentencePieceParts pieces;
  pieces.place = place;
  pieces.scores = scores;
  for (size_t id = 0; id < names.size(); ++id) pieces.add(names[id], types[id]);
  PipelineParts parts;
  read_specials(file, names.size(), true, false, parts);
  pieces.unknown = special_id(file, "tokenizer.ggml.unknown_token_id", names.size());
  pieces.add_space_prefix = file.boolean_or("tokenizer.ggml.add_space_prefix", true);
  return make_sentencepiece(std::move(pieces), std::move(parts));
}

// Words are marked with U+2581 where vocab.txt marks continuations with ##; special tokens are as they are.
std::shared_ptr<const Tokenizer> read_wordpiece(const GgufFile& file) {
  const std::string place = place_of(file);
  const auto& names = token_names(file);
  const std::vector<int64_t> types = token_types(file, names.size());
  PipelineParts parts;
  read_specials(file, names.size(), false, false, parts);
  std::vector<AddedToken> added = added_of(names, types);
  std::vector<std::string> bytes(names.size());
  for (size_t id = 0; id < names.size(); ++id) {
    if (types[id] == kControlToken || types[id] == kUnknownToken || types[id] == kUserDefinedToken) continue;
    bytes[id] =
        names[id].starts_with(kWordMark) ? concat(" ", names[id].substr(kWordMark.size())) : std::string(names[id]);
    // The converter leaves [unused1] and its like unmarked; no text reaches them either way.
  }
  const auto id_of = [&](const char* key, const char* older, const char* name) {
    if (const auto id = special_id(file, key, names.size())) return *id;
    if (const auto id = special_id(file, older, names.size())) return *id;
    for (const AddedToken& token : added)
      if (token.content == name) return token.id;
    throw FormatError(concat(place, ": ", key, " is missing, and there is no token ", name));
  };
  WordPieceModel::Options options;
  options.unknown = id_of("tokenizer.ggml.unknown_token_id", "tokenizer.ggml.unknown_token_id", "[UNK]");
  const TokenId cls = id_of("tokenizer.ggml.cls_token_id", "tokenizer.ggml.bos_token_id", "[CLS]");
  // "seperator" is how the key was spelt for long.
  const TokenId sep = id_of("tokenizer.ggml.separator_token_id", "tokenizer.ggml.seperator_token_id", "[SEP]");
  if (file.boolean_or("tokenizer.ggml.add_bos_token", true)) parts.prefix = {cls};
  if (file.boolean_or("tokenizer.ggml.add_eos_token", true)) parts.suffix = {sep};
  // A vocabulary with an upper-case word start was made for cased text.
  bool cased = false;
  for (const std::string& word : bytes)
    cased = cased || (word.size() > 2 && word[0] == ' ' && word[1] >= 'A' && word[1] <= 'Z');
  add_bert_normalizer(parts.normalizer, true, true, !cased, !cased);
  add_bert_pretokenizer(parts.pretokenizer);
  parts.model = std::make_unique<WordPieceModel>(bytes, options);
  parts.tokens = token_table(bytes, added);
  parts.raw_added = AddedTokens(std::move(added));
  parts.decode = PipelineParts::Decode::kWordPiece;
  parts.clean_up = true;
  parts.dummy_prefix = true;
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace

std::shared_ptr<const Tokenizer> read_gguf_tokenizer(const GgufFile& file) {
  LIMPID_CHECK(file.has("tokenizer.ggml.model"), ConfigError, place_of(file),
               ": holds no tokenizer (tokenizer.ggml.model is missing)");
  const std::string model = file.text("tokenizer.ggml.model");
  if (model == "gpt2") return read_bpe(file);
  if (model == "llama") return read_sentencepiece(file);
  if (model == "bert") return read_wordpiece(file);
  throw ConfigError(concat(place_of(file), ": tokenizer kind ", quote(model),
                           " (tokenizer.ggml.model) is not supported; supported are gpt2, llama and bert"));
}

}  // namespace limpid
