#include "limpid/tokenizers/added_tokens.h"

#include <algorithm>

#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

size_t spaces_end(std::string_view text, size_t offset) {
  while (offset < text.size()) {
    const Utf8 next = decode_utf8(text, offset);
    if (!is_white_space(next.code)) break;
    offset += next.size;
  }
  return offset;
}

size_t spaces_begin(std::string_view text, size_t end) {
  while (end > 0) {
    const size_t start = last_character(text.substr(0, end));
    if (!is_white_space(decode_utf8(text, start).code)) break;
    end = start;
  }
  return end;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(), [](auto& a, auto& b) { return a.content < b.content; });
  for (size_t i = 0; i + 1 < tokens_.size();) {
    if (tokens_[i].content == tokens_[i + 1].content)
      tokens_.erase(tokens_.begin() + std::ptrdiff_t(i));
    else
      ++i;
  }
  for (const AddedToken& token : tokens_) {
    first_[uint8_t(token.content[0])] = true;
    has_lstrip_ |= token.lstrip;
    has_single_word_ |= token.single_word;
  }
}

int AddedTokens::longest_at(std::string_view text, size_t offset, bool& open) const {
  size_t low = 0, high = tokens_.size();  // tokens_[low, high) agree with text[offset, offset + depth)
  int longest = -1;
  open = false;
  for (size_t depth = 0;; ++depth) {
    if (tokens_[low].content.size() == depth) longest = int(low++);  // the shortest of the range comes first
    if (low == high) return longest;
    if (offset + depth == text.size()) {
      open = true;
      return longest;
    }
    const char next = text[offset + depth];
    const auto byte_at = [depth](const AddedToken& token) { return uint8_t(token.content[depth]); };
    const auto first = tokens_.begin() + std::ptrdiff_t(low), last = tokens_.begin() + std::ptrdiff_t(high);
    const auto begin =
        std::lower_bound(first, last, uint8_t(next), [&](auto& token, uint8_t b) { return byte_at(token) < b; });
    const auto end =
        std::upper_bound(begin, last, uint8_t(next), [&](uint8_t b, auto& token) { return b < byte_at(token); });
    if (begin == end) return longest;
    low = size_t(begin - tokens_.begin()), high = size_t(end - tokens_.begin());
  }
}

std::vector<AddedTokens::Match> AddedTokens::find_all(std::string_view text) const {
  std::vector<Match> matches;
  if (tokens_.empty()) return matches;
  size_t free_from = 0;  // end of the last token with the white space it took
  for (size_t offset = 0; offset < text.size();) {
    bool open;
    const int index = first_[uint8_t(text[offset])] ? longest_at(text, offset, open) : -1;
    if (index < 0) {
      ++offset;
      continue;
    }
    const AddedToken& token = tokens_[size_t(index)];
    size_t begin = offset, end = offset + token.content.size();
    offset = end;
    if (token.single_word) {
      const bool after_word = begin > 0 && is_word(decode_utf8(text, last_character(text.substr(0, begin))).code);
      const bool before_word = end < text.size() && is_word(decode_utf8(text, end).code);
      if (after_word || before_word) continue;
    }
    if (token.lstrip) begin = std::max(free_from, spaces_begin(text.substr(0, begin), begin));
    if (token.rstrip) end = spaces_end(text, end);
    begin = std::max(begin, free_from);
    if (begin > end) continue;
    matches.push_back({begin, end, token.id});
    free_from = end;
  }
  return matches;
}

size_t AddedTokens::open_from(std::string_view text, size_t from) const {
  size_t open_at = text.size();
  for (size_t offset = from; offset < text.size() && !tokens_.empty(); ++offset) {
    bool open = false;
    const int index = first_[uint8_t(text[offset])] ? longest_at(text, offset, open) : -1;
    if (index >= 0 && !open) {
      const AddedToken& token = tokens_[size_t(index)];
      const size_t end = offset + token.content.size();
      open = token.rstrip && spaces_end(text, end) == text.size();
      if (!open) offset = end - 1;
    }
    if (open) {
      open_at = offset;
      break;
    }
  }
  if (has_lstrip_) open_at = std::max(from, spaces_begin(text.substr(0, open_at), open_at));
  return open_at;
}

}  // namespace limpid
