#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/tokenizers/added_tokens.h"

/// The files beside a tokenizer's own: tokenizer_config.json, special_tokens_map.json, added_tokens.json and
/// chat_template.jinja. What they say counts as it does in transformers 5, so that texts have the ids a model knows.
namespace limpid {

class NamedTokens;

/// What the files beside a tokenizer say; everything is optional.
struct TokenizerConfig {
  std::string place;            ///< begins warnings: the folder
  std::string tokenizer_class;  ///< without "Fast" at its end
  std::string bos, eos, pad, unk, cls, sep, mask, chat_template;
  std::optional<bool> add_bos, add_eos, lower_case, strip_accents, space_ideographs, add_prefix_space;
  bool split_special = false;  ///< special tokens spelt out in a text are text
  /// The tokens that the files list or name, each once, in the order in which new ones get their ids. -1 is an id that
  /// the files do not state.
  std::vector<AddedToken> tokens;
};

/// @param folder  empty for none
/// @throws FormatError for files that are no objects, tokens without a text, ids that are no numbers, settings that are
/// not true or false, and a chat template that is no text.
TokenizerConfig read_tokenizer_config(const fs::path& folder);

/// Adds the tokens that the files beside the vocabulary list or name: under their id there, else under the next free
/// one. Warns where a file states another id, or says of a token that is added already something else.
void add_configured_tokens(const TokenizerConfig& config, NamedTokens& tokens, std::vector<AddedToken>& added);

/// Lays settings of tokenizer_config.json over a tokenizer.json, whose classes of transformers build the parts anew
/// from them: lower case, accents and ideographs of a BERT tokenizer, the space in front of a byte-level one. Where the
/// class does not look at such a setting, a warning says so.
void lay_configured_settings_over(Json& tokenizer, const TokenizerConfig& config);

}  // namespace limpid
