#pragma once

#include <cstdint>
#include <queue>
#include <vector>

namespace limpid {

inline constexpr uint32_t kNoMerge = UINT32_MAX;

namespace detail {

template <class Symbol, class Rank, class Join>
void merge_few(std::vector<Symbol>& symbols, const Rank& rank, const Join& join) {
  uint32_t ranks[32];
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) ranks[i] = rank(symbols[i], symbols[i + 1]);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == kNoMerge) break;
    symbols[best] = join(symbols[best], symbols[best + 1]);
    --count;
    for (size_t i = best + 1; i < count; ++i) symbols[i] = symbols[i + 1];
    for (size_t i = best; i + 1 < count; ++i) ranks[i] = ranks[i + 1];
    if (best + 1 < count) ranks[best] = rank(symbols[best], symbols[best + 1]);
    if (best > 0) ranks[best - 1] = rank(symbols[best - 1], symbols[best]);
  }
  symbols.resize(count);
}

template <class Symbol, class Rank, class Join>
void merge_many(std::vector<Symbol>& symbols, const Rank& rank, const Join& join) {
  struct Entry {
    uint32_t rank, left, right, left_version, right_version;
    bool operator<(const Entry& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };
  const uint32_t count = uint32_t(symbols.size()), none = UINT32_MAX;
  std::vector<uint32_t> next(count), previous(count), version(count, 0);
  std::vector<Entry> start;
  const auto entry = [&](uint32_t left, uint32_t right) {
    return Entry{rank(symbols[left], symbols[right]), left, right, version[left], version[right]};
  };
  for (uint32_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? none : i - 1;
    next[i] = i + 1 == count ? none : i + 1;
    if (i + 1 == count) continue;
    if (const Entry pair = entry(i, i + 1); pair.rank != kNoMerge) start.push_back(pair);
  }
  std::priority_queue<Entry> queue(std::less<Entry>(), std::move(start));
  while (!queue.empty()) {
    const Entry top = queue.top();
    queue.pop();
    // A symbol's version counts its merges; one swallowed by its left neighbour is at version "none".
    if (version[top.left] != top.left_version || version[top.right] != top.right_version) continue;
    symbols[top.left] = join(symbols[top.left], symbols[top.right]);
    ++version[top.left];
    version[top.right] = none;
    next[top.left] = next[top.right];
    if (next[top.left] != none) previous[next[top.left]] = top.left;
    if (previous[top.left] != none)
      if (const Entry pair = entry(previous[top.left], top.left); pair.rank != kNoMerge) queue.push(pair);
    if (next[top.left] != none)
      if (const Entry pair = entry(top.left, next[top.left]); pair.rank != kNoMerge) queue.push(pair);
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i != none && count > 0; i = next[i]) symbols[kept++] = symbols[i];
  symbols.resize(kept);
}

}  // namespace detail

/// Joins neighbours, the pair of lowest rank first, of equals the leftmost, until no pair has a rank. O(n log n).
/// @param rank  (left, right) to the pair's rank, kNoMerge for none
/// @param join  (left, right) to the symbol that replaces them
template <class Symbol, class Rank, class Join>
void merge_symbols(std::vector<Symbol>& symbols, const Rank& rank, const Join& join) {
  if (symbols.size() <= 32)
    detail::merge_few(symbols, rank, join);
  else
    detail::merge_many(symbols, rank, join);
}

}  // namespace limpid
