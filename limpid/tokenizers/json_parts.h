#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "limpid/tokenizers/tokenizer_files.h"

/// The members of a tokenizer.json (format of the tokenizers library, version "1.0") besides the model.
/// `place` begins every error. Kinds that are not known throw ConfigError with their name.
namespace limpid {

/// @throws ConfigError that names the settings of `json` which are neither `known` nor off (known_settings.h).
void check_keys(const Json& json, std::initializer_list<std::string_view> known, const std::string& place);

std::vector<AddedToken> read_added_tokens(const Json& file, const std::string& place);
void read_normalizer(const Json& json, Normalizer& normalizer, const std::string& place);
void read_pretokenizer(const Json& json, PreTokenizer& pretokenizer, const std::string& place);

struct JsonDecoder {
  enum class Kind : uint8_t { kNone, kBytes, kWordPiece } kind = Kind::kNone;
  std::string space_mark;      ///< what stands for a space in token names, often U+2581
  bool byte_fallback = false;  ///< names <0x00> … <0xFF> are bytes
  bool strips_space = false;   ///< a space at the start of the text is taken off
  bool clean_up = false;
};
JsonDecoder read_decoder(const Json& json, const std::string& place);

/// Special tokens in front of a single text and after it.
struct SpecialFrame {
  TokenIds prefix, suffix;
};
SpecialFrame read_post_processor(const Json& json, const NamedTokens& tokens, const std::string& place);

int fallback_byte(std::string_view name);  ///< 0x0A for "<0x0A>", -1 for another name

}  // namespace limpid
