#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/tokenizer_files.h"

namespace limpid {

namespace {

std::string model_type(const Json& model, const std::string& place) {
  if (model.contains("type")) return require<std::string>(model, "type", place + ": model");
  // Files from before 2020 do not name the type.
  if (model.contains("merges")) return "BPE";
  if (model.contains("vocab") && model["vocab"].is_array()) return "Unigram";
  return model.contains("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

/// Returns the vocabulary with the added tokens.
NamedTokens with_added(const NamedTokens& model, const std::vector<AddedToken>& added) {
  NamedTokens tokens = model;
  for (const AddedToken& token : added) tokens.insert(token.content, token.id, model.size() + added.size());
  tokens.index();
  return tokens;
}

/// Sets what tokens stand for, and how their names become text. What is looked for in normalised text is shown so.
void set_decoder(const NamedTokens& tokens, std::vector<AddedToken> added, Decoder decoder, bool byte_level,
                 PipelineParts& parts) {
  std::vector<AddedToken> shown = added;
  for (size_t i = 0; i < added.size(); ++i) {
    if (!added[i].normalized) continue;
    shown[i].content = parts.normalizer.apply(added[i].content, {true, true});
    if (!added[i].special) added[i].content = shown[i].content;
  }
  std::vector<std::string> texts = tokens.names();
  bool dummy_prefix = false;
  for (std::string& name : texts) {
    if (name.empty()) continue;
    std::string text = decoder.between(name);
    // A space in front that is not shown at the start of a text is none of the text.
    if (!dummy_prefix && text.size() > 1 && text[0] == ' ') dummy_prefix = decoder.text({name}) == text.substr(1);
    name = std::move(text);
  }
  parts.dummy_prefix = dummy_prefix && !byte_level;
  parts.tokens = token_table(texts, added);
  parts.names = token_table(tokens.names(), shown);
  parts.decoder = std::move(decoder);
}

/// Sets what tokenizer_config.json beside the file says.
void set_config(const TokenizerConfig& config, const NamedTokens& tokens, PipelineParts& parts) {
  parts.bos = tokens.find(config.bos);
  parts.eos = tokens.find(config.eos);
  parts.pad = tokens.find(config.pad);
  parts.chat_template = config.chat_template;
}

}  // namespace

std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text, const std::string& source,
                                                      const fs::path& folder) {
  const std::string place = "[tokenizer] " + (folder / source).string();
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

  PipelineParts parts;
  std::vector<AddedToken> added = read_added_tokens(json, place);
  const NamedTokens vocabulary = read_vocabulary(model, type, place, added.size());
  NamedTokens tokens = with_added(vocabulary, added);
  add_configured_tokens(config, tokens, added);
  read_normalizer(json.value("normalizer", Json()), parts.normalizer, place + ": normalizer");
  read_pretokenizer(json.value("pre_tokenizer", Json()), parts.pretokenizer, place + ": pre_tokenizer");
  const bool byte_level = parts.pretokenizer.byte_level();
  const SpecialFrame frame =
      read_post_processor(json.value("post_processor", Json()), tokens, place + ": post_processor");
  parts.prefix = frame.prefix;
  parts.suffix = frame.suffix;
  parts.model = read_json_model(type, {model, vocabulary, byte_level, place});
  set_decoder(tokens, added, read_decoder(json.value("decoder", Json()), place + ": decoder"), byte_level, parts);

  set_added_tokens(std::move(added), config.split_special, parts);
  set_config(config, tokens, parts);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

std::shared_ptr<const Tokenizer> read_tokenizer_json(const fs::path& file) {
  return parse_tokenizer_json(read_file(file), file.filename().string(), file.parent_path());
}

}  // namespace limpid
