#include "limpid/tokenizers/gguf_vocabulary.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

std::string place_of(const GgufFile& file) { return "[tokenizer] " + file.source(); }

const std::vector<std::string_view>& token_names(const GgufFile& file) {
  const auto& names = file.texts("tokenizer.ggml.tokens");
  LIMPID_CHECK(!names.empty(), FormatError, place_of(file), ": tokenizer.ggml.tokens is empty");
  return names;
}

std::vector<int64_t> token_types(const GgufFile& file) {
  const size_t count = token_names(file).size();
  if (!file.has("tokenizer.ggml.token_type")) return std::vector<int64_t>(count, kNormalToken);
  const std::vector<int64_t>& types = file.integers("tokenizer.ggml.token_type");
  LIMPID_CHECK(types.size() == count, FormatError, place_of(file), ": tokenizer.ggml.token_type has ", types.size(),
               " entries, tokenizer.ggml.tokens ", count);
  return types;
}

std::optional<TokenId> special_id(const GgufFile& file, const char* key) {
  if (!file.has(key)) return std::nullopt;
  const int64_t id = file.integer(key), count = int64_t(token_names(file).size());
  LIMPID_CHECK(id >= 0 && id < count, FormatError, place_of(file), ": ", key, " is ", id, ", expected 0 to ",
               count - 1);
  return TokenId(id);
}

bool is_added_type(int64_t type) { return type == kControlToken || type == kUserDefinedToken || type == kUnknownToken; }

GgufWordPiece read_gguf_wordpiece(const GgufFile& file) {
  const auto& names = token_names(file);
  const std::vector<int64_t> types = token_types(file);
  const auto id_of = [&](const char* key, const char* older, std::string_view name) {
    if (const auto id = special_id(file, key)) return *id;
    if (const auto id = special_id(file, older)) return *id;
    for (size_t id = 0; id < names.size(); ++id)
      if (is_added_type(types[id]) && names[id] == name) return TokenId(id);
    throw FormatError(concat(place_of(file), ": ", key, " is missing, and there is no token ", name));
  };
  GgufWordPiece out;
  out.unknown = id_of("tokenizer.ggml.unknown_token_id", "tokenizer.ggml.unknown_token_id", "[UNK]");
  out.cls = id_of("tokenizer.ggml.cls_token_id", "tokenizer.ggml.bos_token_id", "[CLS]");
  // "seperator" is how the key was spelt for long.
  out.sep = id_of("tokenizer.ggml.separator_token_id", "tokenizer.ggml.seperator_token_id", "[SEP]");
  out.adds_cls = file.boolean_or("tokenizer.ggml.add_bos_token", true);
  out.adds_sep = file.boolean_or("tokenizer.ggml.add_eos_token", true);
  out.names.resize(names.size());
  for (size_t id = 0; id < names.size(); ++id) {
    if (is_added_type(types[id])) continue;
    const bool starts_word = names[id].starts_with(kWordMark);
    // The converter leaves [unused1] and its like unmarked; no text reaches them either way.
    out.names[id] = starts_word ? std::string(names[id].substr(kWordMark.size())) : concat("##", names[id]);
    const std::string& word = out.names[id];
    out.cased |= starts_word && word.size() > 1 && word[0] >= 'A' && word[0] <= 'Z';
  }
  return out;
}

}  // namespace limpid
