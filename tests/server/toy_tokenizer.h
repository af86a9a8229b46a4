#pragma once

#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/unicode.h"
#include "tests/support/fixtures.h"

namespace limpid::server::testing {

inline constexpr TokenId kStart = 256, kEnd = 257;

/// Every byte is a token; <|start|> and <|end|> are special, and so are the tokens given.
/// @param chat_template  empty for none
inline std::shared_ptr<const Tokenizer> byte_tokenizer(const std::string& chat_template,
                                                       const std::vector<std::string>& more_specials = {}) {
  Json vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary[to_byte_letters(std::string(1, char(byte)))] = byte;
  Json added;
  std::vector<std::string> specials = {"<|start|>", "<|end|>"};
  specials.insert(specials.end(), more_specials.begin(), more_specials.end());
  for (const std::string& special : specials)
    added.push_back({{"id", 256 + added.size()}, {"content", special}, {"special", true}, {"normalized", false}});
  const Json json = {{"added_tokens", added},
                     {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
                     {"decoder", {{"type", "ByteLevel"}}},
                     {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}}}};
  const testing_support::TempDir folder;
  folder.write("tokenizer.json", json.dump());
  folder.write("tokenizer_config.json", Json{{"chat_template", chat_template}}.dump());
  return open_tokenizer(folder.path());
}

inline constexpr const char* kToyTemplate =
    "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content | trim }}<|end|>{% endfor %}<|start|>assistant:";

}  // namespace limpid::server::testing
