#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "limpid/tokenizers/decoder.h"
#include "limpid/tokenizers/tokenizer_files.h"

/// The members of a tokenizer.json (format of the tokenizers library, version "1.0") besides the model.
/// `place` begins every error. Kinds that are not known throw ConfigError with their name.
namespace limpid {

/// @throws ConfigError that names the settings of `json` which are neither `known` nor off (known_settings.h).
void check_keys(const Json& json, std::initializer_list<std::string_view> known, const std::string& place);

std::vector<AddedToken> read_added_tokens(const Json& file, const std::string& place);
void read_normalizer(const Json& json, Normalizer& normalizer, const std::string& place);
void read_pretokenizer(const Json& json, PreTokenizer& pretokenizer, const std::string& place);

Decoder read_decoder(const Json& json, const std::string& place);

/// Special tokens in front of a single text and after it.
struct SpecialFrame {
  TokenIds prefix, suffix;
};
SpecialFrame read_post_processor(const Json& json, const NamedTokens& tokens, const std::string& place);

/// A model and what it needs of the rest of the file.
struct JsonModel {
  const Json& json;
  const NamedTokens& tokens;  ///< the model's own, without the added ones
  bool bytes = false;         ///< pieces are bytes, names are written in the byte alphabet
  std::string place = {};
};
/// Returns the vocabulary of a model: an object of token: id, or, for Unigram, an array of [token, score].
NamedTokens read_vocabulary(const Json& model, const std::string& type, const std::string& place, size_t more);
std::unique_ptr<PieceModel> read_json_model(const std::string& type, const JsonModel& model);

int fallback_byte(std::string_view name);  ///< 0x0A for "<0x0A>", -1 for another name

}  // namespace limpid
