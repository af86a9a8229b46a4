#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/types.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

/// Meaning of each id: bytes in a text, or for a special token its spelling.
class TokenTable {
 public:
  explicit TokenTable(size_t size = 0) {
    start_.reserve(size + 1);
    special_.reserve(size);
  }
  void append(std::string_view text, bool special) {
    arena_.append(text);
    start_.push_back(uint32_t(arena_.size()));
    special_.push_back(special);
  }
  /// Appends a SentencePiece name with a space for each U+2581.
  void append_marked(std::string_view name, bool special) {
    size_t done = 0;
    for (size_t mark = name.find(kWordMark); mark != std::string_view::npos; mark = name.find(kWordMark, done)) {
      arena_.append(name, done, mark - done);
      arena_ += ' ';
      done = mark + kWordMark.size();
    }
    append(name.substr(done), special);
  }
  size_t size() const { return special_.size(); }
  bool known(TokenId id) const { return id >= 0 && size_t(id) < size(); }
  bool special(TokenId id) const { return known(id) && special_[size_t(id)]; }
  std::string_view text(TokenId id) const {
    if (!known(id)) return {};
    return std::string_view(arena_).substr(start_[size_t(id)], start_[size_t(id) + 1] - start_[size_t(id)]);
  }
  std::string_view bytes(TokenId id) const { return special(id) ? std::string_view() : text(id); }

 private:
  std::string arena_;
  std::vector<uint32_t> start_ = {0};
  std::vector<bool> special_;
};

}  // namespace limpid
