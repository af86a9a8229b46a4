#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/types.h"

namespace limpid {

/// A token that is cut out of the text before anything else looks at it.
struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool special = false;
  bool normalized = false;   ///< looked for in the normalised text
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space after it
  bool single_word = false;  ///< only where no word character touches it
};

/// Finds added tokens: the leftmost, of those the longest, then on from its end.
class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);  ///< the last of equal contents counts

  struct Match {
    size_t begin, end;
    TokenId id;
  };
  std::vector<Match> find_all(std::string_view text) const;

  /// Returns the first offset at or after `from` from which a continuation of `text` could still make a token or change
  /// the one found there; text.size() when there is none. White space a token would take is included.
  size_t open_from(std::string_view text, size_t from) const;

  bool empty() const { return tokens_.empty(); }
  bool has_single_word() const { return has_single_word_; }
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  /// Walks the tokens that start with text[offset…]. @return index of the longest, -1 for none; `open` when text ends
  /// first.
  int longest_at(std::string_view text, size_t offset, bool& open) const;

  std::vector<AddedToken> tokens_;  // sorted by content
  bool first_[256] = {};
  bool has_lstrip_ = false, has_single_word_ = false;
};

}  // namespace limpid
