#include "limpid/tokenizers/bpe.h"

#include <cstdio>

#include "limpid/tokenizers/merge.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

size_t mix(uint64_t key) {
  key ^= key >> 29;
  key *= 0xBF58476D1CE4E5B9ull;
  return size_t(key ^ key >> 32);
}

uint64_t border(char32_t left, char32_t right) { return uint64_t(left) << 32 | right; }

}  // namespace

MergeTable::MergeTable(size_t merges) {
  size_t size = 16;
  while (size < merges * 2 + 2) size *= 2;
  slots_.assign(size, {0, {0, 0}});
}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  const uint64_t key = key_of(left, right);
  const size_t mask = slots_.size() - 1;
  size_t i = mix(key) & mask;
  while (slots_[i].key != 0 && slots_[i].key != key) i = (i + 1) & mask;
  slots_[i] = {key, merge};
}

const MergeTable::Merge* MergeTable::find(TokenId left, TokenId right) const {
  const uint64_t key = key_of(left, right);
  const size_t mask = slots_.size() - 1;
  for (size_t i = mix(key) & mask;; i = (i + 1) & mask) {
    if (slots_[i].key == key) return &slots_[i].merge;
    if (slots_[i].key == 0) return nullptr;
  }
}

BpeModel::BpeModel(const std::vector<std::string>& tokens, const std::vector<Rule>& rules, const Options& options)
    : options_(options),
      tokens_(tokens),
      merges_(rules.size()) {
  const bool by_text = !options_.bytes || options_.ignore_merges || has_affixes();
  if (by_text) index_.reserve(tokens_.size());
  byte_ids_.fill(-1);
  for (size_t id = 0; id < tokens_.size(); ++id) {
    const std::string& token = tokens_[id];
    if (token.empty()) continue;
    if (by_text) index_.insert(token, TokenId(id));
    if (options_.bytes && token.size() == 1) byte_ids_[uint8_t(token[0])] = TokenId(id);
  }
  if (options_.byte_fallback)
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", byte);
      byte_ids_[size_t(byte)] = index_.find(name);
    }
  for (size_t rank = 0; rank < rules.size(); ++rank) {
    const Rule& rule = rules[rank];
    merges_.insert(rule.left, rule.right, {uint32_t(rank), rule.joined});
    if (options_.bytes) continue;
    const std::string &left = tokens_[size_t(rule.left)], &right = tokens_[size_t(rule.right)];
    joined_characters_.insert(border(decode_utf8(left, last_character(left)).code, decode_utf8(right, 0).code));
    for (TokenId id : {rule.left, rule.right})
      for (TokenId byte : byte_ids_) merges_fallback_ |= options_.byte_fallback && id == byte && id >= 0;
  }
}

void BpeModel::start_symbols(std::string_view piece, TokenIds& symbols) const {
  bool after_unknown = false;
  const auto unknown = [&] {
    if (options_.unknown >= 0 && !(options_.fuse_unknown && after_unknown)) symbols.push_back(options_.unknown);
    after_unknown = true;
  };
  if (options_.bytes) {
    for (size_t i = 0; i < piece.size(); ++i) {
      const TokenId id = has_affixes() ? with_affixes(piece.substr(i, 1), i == 0, i + 1 == piece.size())
                                       : byte_ids_[uint8_t(piece[i])];
      if (id < 0) {
        unknown();
      } else {
        symbols.push_back(id);
        after_unknown = false;
      }
    }
    return;
  }
  for (size_t offset = 0; offset < piece.size();) {
    const size_t size = decode_utf8(piece, offset).size;
    const std::string_view character = piece.substr(offset, size);
    const bool first = offset == 0;
    offset += size;
    const bool last = offset == piece.size();
    if (const TokenId id = has_affixes() ? with_affixes(character, first, last) : index_.find(character); id >= 0) {
      symbols.push_back(id);
      after_unknown = false;
      continue;
    }
    bool all_bytes = options_.byte_fallback;
    for (char byte : character) all_bytes = all_bytes && byte_ids_[uint8_t(byte)] >= 0;
    if (!all_bytes) {
      unknown();
      continue;
    }
    for (char byte : character) symbols.push_back(byte_ids_[uint8_t(byte)]);
    after_unknown = false;
  }
}

TokenId BpeModel::with_affixes(std::string_view character, bool first, bool last) const {
  std::string name(first ? "" : options_.continuation);
  name += character;
  if (last) name += options_.word_end;
  return index_.find(name);
}

void BpeModel::encode(std::string_view piece, TokenIds& out) const {
  if (options_.ignore_merges)
    if (const TokenId id = index_.find(piece); id >= 0) {
      out.push_back(id);
      return;
    }
  // Where no merge reaches across, the two sides are encoded by themselves: the same ids from shorter merges.
  size_t begin = 0;
  if (!options_.bytes && !has_affixes() && piece.size() > 64) {
    std::string_view left = piece.substr(0, decode_utf8(piece, 0).size);
    for (size_t offset = left.size(); offset < piece.size();) {
      const std::string_view right = piece.substr(offset, decode_utf8(piece, offset).size);
      if (offset - begin >= 8 && !may_join(left, right)) {
        merge_piece(piece.substr(begin, offset - begin), out);
        begin = offset;
      }
      left = right;
      offset += right.size();
    }
  }
  merge_piece(piece.substr(begin), out);
}

void BpeModel::merge_piece(std::string_view piece, TokenIds& out) const {
  thread_local TokenIds symbols;
  symbols.clear();
  start_symbols(piece, symbols);
  const auto rank = [this](TokenId left, TokenId right) {
    const MergeTable::Merge* merge = merges_.find(left, right);
    return merge ? merge->rank : kNoMerge;
  };
  const auto join = [this](TokenId left, TokenId right) { return merges_.find(left, right)->joined; };
  merge_symbols(symbols, rank, join);
  out.insert(out.end(), symbols.begin(), symbols.end());
}

bool BpeModel::may_join(std::string_view left, std::string_view right) const {
  if (options_.bytes || options_.ignore_merges || merges_fallback_ || has_affixes()) return true;
  if (index_.find(left) < 0 && index_.find(right) < 0) return true;  // could be one fused unknown token
  return joined_characters_.count(border(decode_utf8(left, 0).code, decode_utf8(right, 0).code)) > 0;
}

}  // namespace limpid
