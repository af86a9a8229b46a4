#include "limpid/tokenizers/wordpiece.h"

#include <algorithm>

namespace limpid {

WordPieceModel::WordPieceModel(const std::vector<std::string>& tokens, const Options& options)
    : options_(options),
      tokens_(tokens) {
  starts_.reserve(tokens_.size());
  for (size_t id = 0; id < tokens_.size(); ++id) {
    std::string_view token = tokens_[id];
    const bool start = token.starts_with(' ');
    if (start) token.remove_prefix(1);
    if (token.empty()) continue;
    (start ? starts_ : continuations_).insert(token, TokenId(id));
    longest_ = std::max(longest_, token.size());
  }
}

void WordPieceModel::encode(std::string_view word, TokenIds& out) const {
  const auto starts_character = [&](size_t offset) {
    return offset == word.size() || (uint8_t(word[offset]) & 0xC0) != 0x80;
  };
  size_t characters = 0;
  for (size_t offset = 0; offset < word.size(); ++offset) characters += starts_character(offset);
  const size_t before = out.size();
  if (characters > options_.longest_word) return out.push_back(options_.unknown);
  for (size_t begin = 0; begin < word.size();) {
    const StringIndex& index = begin == 0 ? starts_ : continuations_;
    size_t end = std::min(word.size(), begin + longest_);
    TokenId id = -1;
    for (; end > begin; --end) {
      if (!starts_character(end)) continue;
      id = index.find(word.substr(begin, end - begin));
      if (id >= 0) break;
    }
    if (id < 0) {
      out.resize(before);
      return out.push_back(options_.unknown);
    }
    out.push_back(id);
    begin = end;
  }
}

std::vector<std::string> wordpiece_bytes(const std::vector<std::string>& names, const std::string& continuation) {
  std::vector<std::string> out(names.size());
  for (size_t id = 0; id < names.size(); ++id) {
    if (names[id].empty()) continue;
    const bool continues = !continuation.empty() && names[id].starts_with(continuation);
    out[id] = continues ? names[id].substr(continuation.size()) : " " + names[id];
  }
  return out;
}

}  // namespace limpid
