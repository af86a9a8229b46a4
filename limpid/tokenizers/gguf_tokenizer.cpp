#include <algorithm>
#include <map>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/warnings.h"
#include "limpid/tokenizers/gguf_vocabulary.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/sentencepiece_parts.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/unicode.h"
#include "limpid/tokenizers/wordpiece.h"

namespace limpid {

namespace {

void read_specials(const GgufFile& file, bool adds_bos, bool adds_eos, PipelineParts& parts) {
  parts.bos = special_id(file, "tokenizer.ggml.bos_token_id");
  parts.eos = special_id(file, "tokenizer.ggml.eos_token_id");
  parts.pad = special_id(file, "tokenizer.ggml.padding_token_id");
  parts.chat_template = file.text_or("tokenizer.chat_template", "");
  if (file.boolean_or("tokenizer.ggml.add_bos_token", adds_bos) && parts.bos) parts.prefix = {*parts.bos};
  if (file.boolean_or("tokenizer.ggml.add_eos_token", adds_eos) && parts.eos) parts.suffix = {*parts.eos};
}

std::vector<AddedToken> added_of(const std::vector<std::string_view>& names, const std::vector<int64_t>& types) {
  std::vector<AddedToken> added;
  for (size_t id = 0; id < names.size(); ++id) {
    if (!is_added_type(types[id])) continue;
    AddedToken token;
    token.content = std::string(names[id]);
    token.id = TokenId(id);
    token.special = types[id] != kUserDefinedToken;
    added.push_back(std::move(token));
  }
  return added;
}

std::shared_ptr<const Tokenizer> read_bpe(const GgufFile& file) {
  const std::string place = place_of(file);
  const auto& names = token_names(file);
  const std::vector<int64_t> types = token_types(file);
  PipelineParts parts;
  const std::string pre_name = file.text_or("tokenizer.ggml.pre", "");
  if (pre_name.empty())
    warn(concat(place,
                ": does not say how text is split (tokenizer.ggml.pre is missing, as in files from before May "
                "2024), so GPT-2's rule is used and ids may be wrong; convert the model again with a newer converter"));
  const auto rules = split_rules(pre_name.empty() ? "gpt-2" : pre_name);
  LIMPID_CHECK(rules, ConfigError, place, ": pre-tokenizer ", quote(pre_name),
               " (tokenizer.ggml.pre) is not supported");
  read_pretokenizer(rules->pre_tokenizer, parts.pretokenizer, place);
  read_specials(file, rules->adds_bos, false, parts);

  // Added tokens are spelt as they are; a name written twice counts as its later id.
  StringIndex index;
  index.reserve(names.size());
  std::vector<std::string> bytes(names.size());
  for (size_t id = 0; id < names.size(); ++id) {
    index.insert(names[id], TokenId(id));
    from_byte_letters(names[id], bytes[id]);
  }
  const auto& merges = file.texts("tokenizer.ggml.merges");
  std::vector<BpeModel::Rule> merge_rules;
  merge_rules.reserve(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto merge_place = [&] { return concat(place, ": tokenizer.ggml.merges[", i, "]"); };
    const auto [left, right] = split_merge(merges[i], merge_place);
    merge_rules.push_back(merge_rule(index, left, right, merge_place));
  }
  const std::vector<AddedToken> added = added_of(names, types);
  for (const AddedToken& token : added) bytes[size_t(token.id)].clear();  // only reached as a whole
  BpeModel::Options options;
  options.bytes = true;
  options.ignore_merges = rules->ignore_merges;
  parts.model = std::make_unique<BpeModel>(bytes, merge_rules, options);
  parts.tokens = token_table(bytes, added);
  parts.raw_added = AddedTokens(added);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

SentencePieceParts read_pieces(const GgufFile& file) {
  const auto& names = token_names(file);
  const std::vector<int64_t> types = token_types(file);
  SentencePieceParts pieces;
  pieces.place = place_of(file);
  pieces.scores = file.numbers("tokenizer.ggml.scores");
  LIMPID_CHECK(pieces.scores.size() == names.size(), FormatError, pieces.place, ": tokenizer.ggml.scores has ",
               pieces.scores.size(), " entries, tokenizer.ggml.tokens ", names.size());
  for (size_t id = 0; id < names.size(); ++id) pieces.add(names[id], types[id]);
  pieces.unknown = special_id(file, "tokenizer.ggml.unknown_token_id");
  pieces.add_space_prefix = file.boolean_or("tokenizer.ggml.add_space_prefix", true);
  return pieces;
}

std::shared_ptr<const Tokenizer> read_sentencepiece(const GgufFile& file) {
  PipelineParts parts;
  SentencePieceParts pieces = read_pieces(file);
  read_specials(file, true, false, parts);
  return make_sentencepiece(std::move(pieces), std::move(parts));
}

// Source of the keys: gguf-py, constants.py; T5 and its relatives add EOS and no BOS.
std::shared_ptr<const Tokenizer> read_unigram(const GgufFile& file) {
  PipelineParts parts;
  SentencePieceParts pieces = read_pieces(file);
  read_specials(file, false, true, parts);
  pieces.unigram = true;
  pieces.collapse_spaces = file.boolean_or("tokenizer.ggml.remove_extra_whitespaces", false);
  if (file.has("tokenizer.ggml.precompiled_charsmap")) {
    std::string map;
    for (int64_t byte : file.integers("tokenizer.ggml.precompiled_charsmap")) map += char(byte);
    if (!map.empty())
      pieces.character_map =
          std::make_shared<const CharacterMap>(map, pieces.place + ": tokenizer.ggml.precompiled_charsmap");
  }
  return make_sentencepiece(std::move(pieces), std::move(parts));
}

std::shared_ptr<const Tokenizer> read_wordpiece(const GgufFile& file) {
  PipelineParts parts;
  read_specials(file, false, false, parts);
  const GgufWordPiece vocabulary = read_gguf_wordpiece(file);
  if (vocabulary.adds_cls) parts.prefix = {vocabulary.cls};
  if (vocabulary.adds_sep) parts.suffix = {vocabulary.sep};
  add_bert_normalizer(parts.normalizer, true, true, !vocabulary.cased, !vocabulary.cased);
  add_bert_pretokenizer(parts.pretokenizer);
  WordPieceModel::Options options;
  options.unknown = vocabulary.unknown;
  parts.model = std::make_unique<WordPieceModel>(vocabulary.names, options);
  std::vector<AddedToken> added = added_of(token_names(file), token_types(file));
  set_wordpiece_decoder(vocabulary.names, added, parts);
  parts.raw_added = AddedTokens(std::move(added));
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace

std::shared_ptr<const Tokenizer> read_gguf_tokenizer(const GgufFile& file) {
  LIMPID_CHECK(file.has("tokenizer.ggml.model"), ConfigError, place_of(file),
               ": holds no tokenizer (tokenizer.ggml.model is missing)");
  const std::string model = file.text("tokenizer.ggml.model");
  if (model == "gpt2") return read_bpe(file);
  if (model == "llama") return read_sentencepiece(file);
  if (model == "t5") return read_unigram(file);
  if (model == "bert") return read_wordpiece(file);
  throw ConfigError(concat(place_of(file), ": tokenizer kind ", quote(model),
                           " (tokenizer.ggml.model) is not supported; supported are gpt2, llama, t5 and bert"));
}

}  // namespace limpid
