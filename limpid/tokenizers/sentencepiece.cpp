#include "limpid/tokenizers/sentencepiece.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "limpid/tokenizers/merge.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

// Scores are compared as they are; ranks only make them unsigned and lower-is-better for merge_symbols.
std::vector<uint32_t> ranks_of(const std::vector<double>& scores) {
  std::vector<uint32_t> order(scores.size()), ranks(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto higher = [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; };
  if (!std::is_sorted(order.begin(), order.end(), higher)) std::sort(order.begin(), order.end(), higher);
  for (size_t i = 0; i < order.size(); ++i)
    ranks[order[i]] = i > 0 && scores[order[i]] == scores[order[i - 1]] ? ranks[order[i - 1]] : uint32_t(i);
  return ranks;
}

}  // namespace

SentencePieceModel::SentencePieceModel(std::shared_ptr<const TokenTable> tokens, const std::vector<bool>& mergeable,
                                       const std::vector<double>& scores, Options options)
    : tokens_(std::move(tokens)),
      options_(std::move(options)),
      rank_(ranks_of(scores)) {
  index_.reserve(tokens_->size());
  for (size_t id = 0; id < mergeable.size(); ++id) {  // files beside the model may have added further tokens
    const std::string_view word = tokens_->text(TokenId(id));
    if (word.empty() || !mergeable[id]) continue;
    index_.insert(word, TokenId(id));
    longest_ = std::max(longest_, word.size());
    for (size_t space = word.find(' ', 1); space != std::string_view::npos; space = word.find(' ', space + 1)) {
      const std::string_view before = word.substr(0, space);
      if (before.back() != ' ') joins_following_space_.insert(decode_utf8(word, last_character(before)).code);
    }
  }
}

// A space after anything but a space starts a word, unless a token is known to reach across. Words are encoded by
// themselves, which is the same and keeps the merges short.
void SentencePieceModel::encode(std::string_view piece, TokenIds& out) const {
  size_t begin = 0;
  for (size_t space = piece.find(' ', 1); space != std::string_view::npos; space = piece.find(' ', space + 1)) {
    if (piece[space - 1] == ' ') continue;
    const std::string_view before = piece.substr(0, space);
    if (!joins_following_space_.empty() &&
        joins_following_space_.count(decode_utf8(piece, last_character(before)).code))
      continue;
    encode_word(piece.substr(begin, space - begin), out);
    begin = space;
  }
  if (begin < piece.size()) encode_word(piece.substr(begin), out);
}

void SentencePieceModel::encode_word(std::string_view word, TokenIds& out) const {
  struct Symbol {
    uint32_t begin, end;
  };
  thread_local std::vector<Symbol> symbols;
  symbols.clear();
  for (size_t offset = 0; offset < word.size();) {
    const size_t size = decode_utf8(word, offset).size;
    symbols.push_back({uint32_t(offset), uint32_t(offset + size)});
    offset += size;
  }
  std::map<std::string_view, size_t> halves;  // bytes of the left part, of an unused token
  const auto rank = [&](Symbol left, Symbol right) -> uint32_t {
    if (right.end - left.begin > longest_) return kNoMerge;
    const std::string_view both = word.substr(left.begin, right.end - left.begin);
    const TokenId id = index_.find(both);
    if (id < 0) return kNoMerge;
    if (is_unused(id)) halves[both] = left.end - left.begin;
    return rank_[size_t(id)];
  };
  merge_symbols(symbols, rank, [](Symbol left, Symbol right) { return Symbol{left.begin, right.end}; });
  const auto write = [&](const auto& again, std::string_view text) -> void {
    if (const auto parts = halves.find(text); parts != halves.end()) {
      again(again, text.substr(0, parts->second));
      again(again, text.substr(parts->second));
    } else if (const TokenId id = index_.find(text); id >= 0)
      out.push_back(id);
    else if (!options_.bytes.empty())
      for (char byte : text) out.push_back(options_.bytes[uint8_t(byte)]);
    else if (options_.unknown >= 0 && (out.empty() || out.back() != options_.unknown))
      out.push_back(options_.unknown);
  };
  for (const Symbol& symbol : symbols) write(write, word.substr(symbol.begin, symbol.end - symbol.begin));
}

namespace {

constexpr size_t kBorderBits = size_t(1) << 24;  // 2 MB; a false hit costs a later cut, never a wrong one

size_t border_bit(char32_t left, char32_t right) {
  return size_t((uint64_t(left) << 21 | right) * 0x9E3779B97F4A7C15ull >> 40) & (kBorderBits - 1);
}

}  // namespace

void SentencePieceModel::find_borders() const {
  borders_.assign(kBorderBits / 64, 0);
  for (const auto& [word, id] : index_.entries()) {
    char32_t left = 0;
    for (size_t offset = 0; offset < word.size();) {
      const Utf8 next = decode_utf8(word, offset);
      const size_t bit = border_bit(left, next.code);
      if (offset > 0) borders_[bit / 64] |= uint64_t(1) << bit % 64;
      left = next.code;
      offset += next.size;
    }
  }
}

bool SentencePieceModel::may_join(std::string_view left, std::string_view right) const {
  if (options_.bytes.empty()) return true;  // a run of unknown characters is one token
  std::call_once(borders_found_, [this] { find_borders(); });
  const size_t bit = border_bit(decode_utf8(left, 0).code, decode_utf8(right, 0).code);
  return borders_[bit / 64] >> bit % 64 & 1;
}

}  // namespace limpid
