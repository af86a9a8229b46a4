#include <algorithm>

#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/unicode.h"
#include "limpid/tokenizers/wordpiece.h"

namespace limpid {

namespace {

std::string model_type(const Json& model, const std::string& place) {
  if (model.contains("type")) return require<std::string>(model, "type", place + ": model");
  // Files from before 2020 do not name the type.
  if (model.contains("merges")) return "BPE";
  return model.contains("continuing_subword_prefix") ? "WordPiece" : "without a type";
}

NamedTokens read_vocabulary(const Json& model, const std::vector<AddedToken>& added, const std::string& place) {
  const auto vocab = model.find("vocab");
  LIMPID_CHECK(vocab != model.end() && vocab->is_object(), FormatError, place, ": model.vocab is ",
               vocab == model.end() ? "missing" : json_kind(*vocab), ", expected an object of token: id");
  NamedTokens tokens(place);
  const size_t entries = vocab->size() + added.size();
  for (const auto& [name, id] : vocab->items()) {
    LIMPID_CHECK(id.is_number_integer(), FormatError, place, ": model.vocab: token ", quote(name), " has ",
                 json_kind(id), " for an id, expected an integer");
    tokens.insert(name, id.get<int64_t>(), entries);
  }
  for (const AddedToken& token : added) tokens.insert(token.content, token.id, entries);
  tokens.index();
  return tokens;
}

std::vector<BpeModel::Rule> read_merges(const Json& model, const NamedTokens& tokens, const std::string& place) {
  const auto merges = model.find("merges");
  LIMPID_CHECK(merges != model.end() && merges->is_array(), FormatError, place, ": model.merges is ",
               merges == model.end() ? "missing" : json_kind(*merges), ", expected an array");
  std::vector<BpeModel::Rule> rules;
  rules.reserve(merges->size());
  for (size_t i = 0; i < merges->size(); ++i) {
    const Json& merge = (*merges)[i];
    const auto merge_place = [&] { return concat(place, ": model.merges[", i, "]"); };
    if (merge.is_string()) {
      const auto [left, right] = split_merge(merge.get_ref<const std::string&>(), merge_place);
      rules.push_back(merge_rule(tokens.ids(), left, right, merge_place));
      continue;
    }
    LIMPID_CHECK(merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string(), FormatError,
                 merge_place(), ": found ", json_kind(merge), merge.is_array() ? concat(" of ", merge.size()) : "",
                 ", expected \"left right\" or [\"left\", \"right\"]");
    rules.push_back(merge_rule(tokens.ids(), merge[0].get_ref<const std::string&>(),
                               merge[1].get_ref<const std::string&>(), merge_place));
  }
  return rules;
}

std::unique_ptr<PieceModel> read_bpe(const Json& model, const NamedTokens& tokens,
                                     const std::vector<std::string>& names, bool bytes, const std::string& place) {
  const std::string model_place = place + ": model";
  // dropout, continuing_subword_prefix and end_of_word_suffix are known to be off where they are empty.
  check_keys(model, {"type", "vocab", "merges", "byte_fallback", "fuse_unk", "ignore_merges", "unk_token"},
             model_place);
  BpeModel::Options options;
  options.bytes = bytes;
  options.byte_fallback = !bytes && get_or<bool>(model, "byte_fallback", false, model_place);
  options.fuse_unknown = get_or<bool>(model, "fuse_unk", false, model_place);
  options.ignore_merges = get_or<bool>(model, "ignore_merges", false, model_place);
  const std::string unknown = get_or<std::string>(model, "unk_token", "", model_place);
  if (!unknown.empty()) options.unknown = tokens.require(unknown, "unk_token");
  return std::make_unique<BpeModel>(names, read_merges(model, tokens, place), options);
}

// Returns what the tokens stand for in a text. Names of added tokens are not in the model's alphabet.
std::vector<std::string> token_bytes_of(const NamedTokens& tokens, const JsonDecoder& decoder, bool byte_level) {
  if (byte_level) return byte_level_bytes(tokens, {});
  std::vector<std::string> out = tokens.names();
  for (std::string& name : out) {
    if (int byte = decoder.byte_fallback ? fallback_byte(name) : -1; byte >= 0)
      name = std::string(1, char(byte));
    else if (!decoder.space_mark.empty())
      name = replace_all(std::move(name), decoder.space_mark, " ");
  }
  return out;
}

/// Reads the model of a WordPiece file; `bytes` gets what its tokens stand for.
std::unique_ptr<PieceModel> read_wordpiece(const Json& model, const NamedTokens& tokens,
                                           std::vector<std::string>& bytes, const std::string& place) {
  const std::string model_place = place + ": model";
  check_keys(model, {"type", "vocab", "unk_token", "max_input_chars_per_word", "continuing_subword_prefix"},
             model_place);
  WordPieceModel::Options options;
  options.unknown = tokens.require(get_or<std::string>(model, "unk_token", "[UNK]", model_place), "unk_token");
  const int64_t longest = get_or<int64_t>(model, "max_input_chars_per_word", 100, model_place);
  LIMPID_CHECK(longest > 0 && longest <= 1'000'000, FormatError, model_place, ".max_input_chars_per_word is ", longest,
               ", expected 1 to 1000000");
  options.longest_word = size_t(longest);
  bytes = wordpiece_bytes(tokens.names(), get_or<std::string>(model, "continuing_subword_prefix", "##", model_place));
  return std::make_unique<WordPieceModel>(bytes, options);
}

/// Sets what tokenizer_config.json beside the file says.
void set_config(const TokenizerConfig& config, const NamedTokens& tokens, PipelineParts& parts) {
  const auto id_of = [&](const std::string& name) -> std::optional<TokenId> {
    const TokenId id = name.empty() ? -1 : tokens.id_of(name);
    return id < 0 ? std::nullopt : std::optional<TokenId>(id);
  };
  parts.bos = id_of(config.bos);
  parts.eos = id_of(config.eos);
  parts.pad = id_of(config.pad);
  parts.chat_template = config.chat_template;
}

}  // namespace

std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text, const std::string& source,
                                                      const fs::path& folder) {
  const std::string place = "[tokenizer] " + source;
  Json json = parse_json(text, place);
  LIMPID_CHECK(json.is_object(), FormatError, place, ": is ", json_kind(json), ", expected an object");
  const TokenizerConfig config = read_tokenizer_config(folder);
  remove_ignored_settings(json, place);
  lay_configured_settings_over(json, config);
  check_keys(json,
             {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
              "decoder", "model"},
             place);
  const auto member = json.find("model");
  LIMPID_CHECK(member != json.end() && member->is_object(), FormatError, place, ": model is ",
               member == json.end() ? "missing" : json_kind(*member), ", expected an object");
  const Json& model = *member;
  const std::string type = model_type(model, place);
  LIMPID_CHECK(type == "BPE" || type == "WordPiece", ConfigError, place, ": model type ", type,
               " is not supported; supported are BPE and WordPiece");

  PipelineParts parts;
  std::vector<AddedToken> added = read_added_tokens(json, place);
  NamedTokens tokens = read_vocabulary(model, added, place);
  add_configured_tokens(config, tokens, added);
  read_normalizer(json.value("normalizer", Json()), parts.normalizer, place + ": normalizer");
  read_pretokenizer(json.value("pre_tokenizer", Json()), parts.pretokenizer, place + ": pre_tokenizer");
  const bool byte_level = parts.pretokenizer.byte_level();
  const JsonDecoder decoder = read_decoder(json.value("decoder", Json()), place + ": decoder");
  const SpecialFrame frame =
      read_post_processor(json.value("post_processor", Json()), tokens, place + ": post_processor");
  parts.prefix = frame.prefix;
  parts.suffix = frame.suffix;

  std::vector<std::string> bytes;
  if (type == "BPE") {
    LIMPID_CHECK(decoder.kind != JsonDecoder::Kind::kWordPiece, ConfigError, place,
                 ": a WordPiece decoder for a BPE model is not supported");
    bytes = token_bytes_of(tokens, decoder, byte_level);
    parts.model = read_bpe(model, tokens, byte_level ? bytes : tokens.names(), byte_level, place);
    if (decoder.kind == JsonDecoder::Kind::kNone && !byte_level) parts.decode = PipelineParts::Decode::kSpaces;
  } else {
    LIMPID_CHECK(decoder.kind == JsonDecoder::Kind::kWordPiece, ConfigError, place,
                 ": a WordPiece model without a WordPiece decoder is not supported");
    parts.model = read_wordpiece(model, tokens, bytes, place);
    parts.decode = PipelineParts::Decode::kWordPiece;
    parts.clean_up = decoder.clean_up;
  }
  parts.dummy_prefix = decoder.strips_space || type == "WordPiece";
  parts.tokens = token_table(bytes, added);

  set_added_tokens(std::move(added), config.split_special, parts);
  set_config(config, tokens, parts);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

std::shared_ptr<const Tokenizer> read_tokenizer_json(const fs::path& file) {
  return parse_tokenizer_json(read_file(file), file.filename().string(), file.parent_path());
}

}  // namespace limpid
