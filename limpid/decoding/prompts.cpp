#include "limpid/decoding/prompts.h"

#include <algorithm>

#include "limpid/core/error.h"

namespace limpid {

const Tokenizer& tokenizer_of(const Model& model) {
  LIMPID_CHECK(model.tokenizer(), ConfigError, model.path().string(),
               ": has no tokenizer (tokenizer.json); texts cannot be encoded");
  return *model.tokenizer();
}

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
                                      const std::string& place) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, place,
               "the target has no tokenizer; the text that is put before the prompt cannot be encoded");
  std::vector<TokenIds> prefixes;
  for (const std::string& text : texts) {
    prefixes.push_back(target.tokenizer()->encode(text, /*add_special=*/true));
    LIMPID_CHECK(!prefixes.back().empty(), ConfigError, place, "a text that is put before the prompt has no tokens");
  }
  return prefixes;
}

TokenIds chat_prompt_ids(const Tokenizer& tokenizer, const std::vector<Turn>& turns) {
  return encode_chat(tokenizer, render_chat(tokenizer, turns, /*add_generation_prompt=*/true));
}

std::vector<TokenId> end_tokens(const Model& model) {
  std::vector<TokenId> ends(model.config().eos_ids.begin(), model.config().eos_ids.end());
  if (const auto& tokenizer = model.tokenizer()) {
    if (tokenizer->eos()) ends.push_back(*tokenizer->eos());
    for (const char* end : {"<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>"})
      if (const auto id = tokenizer->find(end)) ends.push_back(*id);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

TokenId text_beginning(const Model& model) {
  const Tokenizer& tokenizer = tokenizer_of(model);
  if (tokenizer.adds_bos() && tokenizer.bos()) return *tokenizer.bos();
  if (const auto end = tokenizer.find("<|endoftext|>")) return *end;
  if (tokenizer.bos()) return *tokenizer.bos();
  if (model.config().bos_id >= 0) return TokenId(model.config().bos_id);
  if (tokenizer.eos()) return *tokenizer.eos();
  LIMPID_CHECK(!model.config().eos_ids.empty(), ConfigError, model.path().string(), ": no token begins or ends a text");
  return TokenId(model.config().eos_ids.front());
}

}  // namespace limpid
