#include "limpid/tokenizers/wordpiece.h"

#include <algorithm>

namespace limpid {

WordPieceModel::WordPieceModel(const std::vector<std::string>& tokens, const Options& options)
    : options_(options),
      tokens_(tokens) {
  starts_.reserve(tokens_.size());
  for (size_t id = 0; id < tokens_.size(); ++id) {
    std::string_view token = tokens_[id];
    if (token.empty()) continue;
    starts_.insert(token, TokenId(id));  // a word may be spelt like a continuation
    longest_ = std::max(longest_, token.size());
    if (!token.starts_with(options_.continuation)) continue;
    token.remove_prefix(options_.continuation.size());
    if (!token.empty()) continuations_.insert(token, TokenId(id));
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

}  // namespace limpid
