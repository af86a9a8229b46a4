#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace limpid {

/// String to id: open addressing over views that somebody else keeps alive. Built once, then only read.
class StringIndex {
 public:
  void reserve(size_t entries) {
    entries_.reserve(entries);
    size_t size = 16;
    while (size < entries * 2) size *= 2;
    if (size > slots_.size()) rehash(size);
  }

  /// Inserts a string; one inserted twice keeps the later id.
  void insert(std::string_view text, int32_t id) {
    if ((entries_.size() + 1) * 2 > slots_.size()) rehash(slots_.empty() ? 16 : slots_.size() * 2);
    const uint64_t hash = hash_of(text);
    Slot& slot = slot_of(text, uint32_t(hash >> 32), hash);
    if (slot.entry >= 0) {
      entries_[size_t(slot.entry)].second = id;
      return;
    }
    slot = {uint32_t(hash >> 32), int32_t(entries_.size())};
    entries_.emplace_back(text, id);
  }

  int32_t find(std::string_view text) const {  ///< -1 when absent
    if (entries_.empty()) return -1;
    const uint64_t hash = hash_of(text);
    const Slot& slot = const_cast<StringIndex*>(this)->slot_of(text, uint32_t(hash >> 32), hash);
    return slot.entry < 0 ? -1 : entries_[size_t(slot.entry)].second;
  }

  size_t size() const { return entries_.size(); }
  const std::vector<std::pair<std::string_view, int32_t>>& entries() const { return entries_; }

 private:
  struct Slot {
    uint32_t tag = 0;
    int32_t entry = -1;
  };

  // FNV-1a over eight bytes at a time, with a final mix: short strings are the rule here.
  static uint64_t hash_of(std::string_view text) {
    uint64_t hash = 0xcbf29ce484222325ull ^ text.size();
    size_t offset = 0;
    for (; offset + 8 <= text.size(); offset += 8) {
      uint64_t word;
      __builtin_memcpy(&word, text.data() + offset, 8);
      hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
      hash ^= hash >> 29;
    }
    for (; offset < text.size(); ++offset) hash = (hash ^ uint8_t(text[offset])) * 0x100000001b3ull;
    hash ^= hash >> 32;
    hash *= 0xD6E8FEB86659FD93ull;
    return hash ^ hash >> 32;
  }

  Slot& slot_of(std::string_view text, uint32_t tag, uint64_t hash) {
    const size_t mask = slots_.size() - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
      Slot& slot = slots_[i];
      if (slot.entry < 0 || (slot.tag == tag && entries_[size_t(slot.entry)].first == text)) return slot;
    }
  }

  void rehash(size_t size) {
    slots_.assign(size, Slot{});
    for (size_t entry = 0; entry < entries_.size(); ++entry) {
      const uint64_t hash = hash_of(entries_[entry].first);
      size_t i = hash & (size - 1);
      while (slots_[i].entry >= 0) i = (i + 1) & (size - 1);
      slots_[i] = {uint32_t(hash >> 32), int32_t(entry)};
    }
  }

  std::vector<Slot> slots_;
  std::vector<std::pair<std::string_view, int32_t>> entries_;
};

}  // namespace limpid
