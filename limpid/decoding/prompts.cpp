#include "limpid/decoding/prompts.h"

#include "limpid/core/error.h"
#include "limpid/models/model.h"

namespace limpid {

TokenIds prompt_ids(const Tokenizer& tokenizer, const std::string& text) {
  TokenIds ids = tokenizer.encode(text, true);
  if (ids.empty()) {
    const auto start = tokenizer.bos() ? tokenizer.bos() : tokenizer.eos();
    LIMPID_CHECK(start, ConfigError, "the prompt is empty and the tokenizer has no token that begins a text");
    ids.push_back(*start);
  }
  return ids;
}

std::vector<TokenIds> encode_prefixes(const Model& target, const std::vector<std::string>& texts,
                                      const std::string& where) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, where,
               "the target has no tokenizer; the text that is put before the prompt cannot be encoded");
  std::vector<TokenIds> prefixes;
  for (const std::string& text : texts) {
    prefixes.push_back(target.tokenizer()->encode(text, /*add_special=*/true));
    LIMPID_CHECK(!prefixes.back().empty(), ConfigError, where, "a text that is put before the prompt has no tokens");
  }
  return prefixes;
}

}  // namespace limpid
