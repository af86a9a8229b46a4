#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/unicode.h"
#include "limpid/tokenizers/unigram.h"
#include "limpid/tokenizers/wordlevel.h"
#include "limpid/tokenizers/wordpiece.h"

namespace limpid {

namespace {

std::pair<std::string, double> read_scored(const Json& entry, const std::string& place) {
  LIMPID_CHECK(entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_number(), FormatError,
               place, ": found ", json_kind(entry), entry.is_array() ? concat(" of ", entry.size()) : "",
               ", expected [\"token\", score]");
  const double score = entry[1].get<double>();
  LIMPID_CHECK(std::isfinite(score), FormatError, place, ": the score is not a finite number");
  return {entry[0].get<std::string>(), score};
}

std::vector<BpeModel::Rule> read_merges(const Json& model, const NamedTokens& tokens, size_t prefix,
                                        const std::string& place) {
  const auto merges = model.find("merges");
  LIMPID_CHECK(merges != model.end() && merges->is_array(), FormatError, place, ": model.merges is ",
               merges == model.end() ? "missing" : json_kind(*merges), ", expected an array");
  std::vector<BpeModel::Rule> rules;
  rules.reserve(merges->size());
  for (size_t i = 0; i < merges->size(); ++i) {
    const Json& merge = (*merges)[i];
    const auto merge_place = [&] { return concat(place, ": model.merges[", i, "]"); };
    const auto [left, right] = read_merge(merge, merge_place);
    rules.push_back(merge_rule(tokens.ids(), left, right, merge_place, prefix));
  }
  return rules;
}

/// Returns the 256 tokens <0x00> to <0xFF>, or none where one of them is missing.
std::vector<TokenId> fallback_bytes(const NamedTokens& tokens) {
  std::vector<TokenId> bytes;
  for (unsigned byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    bytes.push_back(tokens.id_of(name));
    if (bytes.back() < 0) return {};
  }
  return bytes;
}

bool has_byte_letters(const NamedTokens& tokens) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string letter;
    append_utf8(letter, byte_to_letter(uint8_t(byte)));
    if (tokens.id_of(letter) < 0) return false;
  }
  return true;
}

std::unique_ptr<PieceModel> read_bpe(const JsonModel& model) {
  const std::string place = model.place + ": model";
  // dropout is known to be off where it is empty.
  check_keys(model.json,
             {"type", "vocab", "merges", "byte_fallback", "fuse_unk", "ignore_merges", "unk_token",
              "continuing_subword_prefix", "end_of_word_suffix"},
             place);
  BpeModel::Options options;
  options.bytes = model.bytes;
  options.byte_fallback = get_or<bool>(model.json, "byte_fallback", false, place);
  LIMPID_CHECK(!options.byte_fallback || !model.bytes || has_byte_letters(model.tokens), ConfigError, place,
               ": byte_fallback beside the pre-tokenizer ByteLevel is not supported where a byte has no token");
  options.byte_fallback = options.byte_fallback && !model.bytes;
  options.fuse_unknown = get_or<bool>(model.json, "fuse_unk", false, place);
  options.ignore_merges = get_or<bool>(model.json, "ignore_merges", false, place);
  options.continuation = get_or<std::string>(model.json, "continuing_subword_prefix", "", place);
  options.word_end = get_or<std::string>(model.json, "end_of_word_suffix", "", place);
  const std::string unknown = get_or<std::string>(model.json, "unk_token", "", place);
  if (!unknown.empty()) options.unknown = model.tokens.require(unknown, "unk_token");
  const std::vector<BpeModel::Rule> rules =
      read_merges(model.json, model.tokens, options.continuation.size(), model.place);
  return std::make_unique<BpeModel>(model.bytes ? byte_level_bytes(model.tokens, {}) : model.tokens.names(), rules,
                                    options);
}

std::unique_ptr<PieceModel> read_unigram(const JsonModel& model) {
  const std::string place = model.place + ": model";
  check_keys(model.json, {"type", "vocab", "unk_id", "byte_fallback"}, place);
  const Json& vocab = model.json["vocab"];
  std::vector<double> scores;
  double lowest = std::numeric_limits<double>::infinity();
  std::vector<std::pair<std::string_view, TokenId>> entries;
  for (const Json& entry : vocab) {
    const std::string_view name = entry[0].get_ref<const std::string&>();
    if (!name.empty()) entries.emplace_back(name, TokenId(scores.size()));
    scores.push_back(entry[1].get<double>());
    lowest = std::min(lowest, scores.back());
  }
  UnigramModel::Options options;
  const int64_t unknown = get_or<int64_t>(model.json, "unk_id", -1, place);
  LIMPID_CHECK(unknown >= -1 && unknown < int64_t(scores.size()), FormatError, place, ".unk_id is ", unknown,
               ", expected 0 to ", int64_t(scores.size()) - 1);
  options.unknown = TokenId(unknown);
  options.unknown_score = lowest - 10;
  if (get_or<bool>(model.json, "byte_fallback", false, place)) options.bytes = fallback_bytes(model.tokens);
  return std::make_unique<UnigramModel>(std::move(entries), std::move(scores), std::move(options));
}

std::unique_ptr<PieceModel> read_wordpiece(const JsonModel& model) {
  const std::string place = model.place + ": model";
  check_keys(model.json, {"type", "vocab", "unk_token", "max_input_chars_per_word", "continuing_subword_prefix"},
             place);
  WordPieceModel::Options options;
  options.unknown = model.tokens.require(get_or<std::string>(model.json, "unk_token", "[UNK]", place), "unk_token");
  const int64_t longest = get_or<int64_t>(model.json, "max_input_chars_per_word", 100, place);
  LIMPID_CHECK(longest > 0 && longest <= 1'000'000, FormatError, place, ".max_input_chars_per_word is ", longest,
               ", expected 1 to 1000000");
  options.longest_word = size_t(longest);
  options.continuation = get_or<std::string>(model.json, "continuing_subword_prefix", "##", place);
  return std::make_unique<WordPieceModel>(model.tokens.names(), options);
}

std::unique_ptr<PieceModel> read_wordlevel(const JsonModel& model) {
  const std::string place = model.place + ": model";
  check_keys(model.json, {"type", "vocab", "unk_token"}, place);
  const TokenId unknown = model.tokens.id_of(get_or<std::string>(model.json, "unk_token", "<unk>", place));
  return std::make_unique<WordLevelModel>(model.tokens.names(), unknown);
}

}  // namespace

NamedTokens read_vocabulary(const Json& model, const std::string& type, const std::string& place, size_t more) {
  const auto vocab = model.find("vocab");
  const bool scored = type == "Unigram";
  LIMPID_CHECK(vocab != model.end() && (scored ? vocab->is_array() : vocab->is_object()), FormatError, place,
               ": model.vocab is ", vocab == model.end() ? "missing" : json_kind(*vocab), ", expected an ",
               scored ? "array of [token, score]" : "object of token: id");
  NamedTokens tokens(place);
  const size_t entries = vocab->size() + more;
  if (scored) {
    for (size_t id = 0; id < vocab->size(); ++id)
      tokens.insert(read_scored((*vocab)[id], concat(place, ": model.vocab[", id, "]")).first, int64_t(id), entries);
  } else {
    for (const auto& [name, id] : vocab->items()) {
      LIMPID_CHECK(id.is_number_integer(), FormatError, place, ": model.vocab: token ", quote(name), " has ",
                   json_kind(id), " for an id, expected an integer");
      tokens.insert(name, id.get<int64_t>(), entries);
    }
  }
  tokens.index();
  return tokens;
}

std::unique_ptr<PieceModel> read_json_model(const std::string& type, const JsonModel& model) {
  if (type == "BPE") return read_bpe(model);
  if (type == "Unigram") return read_unigram(model);
  if (type == "WordPiece") return read_wordpiece(model);
  if (type == "WordLevel") return read_wordlevel(model);
  throw ConfigError(concat(model.place, ": model type ", quote(type),
                           " is not supported; supported are BPE, Unigram, WordPiece and WordLevel"));
}

}  // namespace limpid
