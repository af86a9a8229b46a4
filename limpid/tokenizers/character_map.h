#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limpid {

/// SentencePiece's normalisation rules as its files hold them ("precompiled charsmap"): a double-array trie (darts) of
/// strings, and the strings that replace them. Source: SentencePiece, src/builder.cc and third_party/darts_clone.
class CharacterMap {
 public:
  /// @param data   the size of the trie in bytes (u32, little-endian), the trie, replacements that end in a zero byte
  /// @param place  begins every error
  /// @throws FormatError when the sizes do not fit.
  CharacterMap(std::string_view data, const std::string& place);

  struct Match {
    size_t length;
    std::string_view replacement;
  };
  std::optional<Match> longest(std::string_view text) const;   ///< rule for the longest prefix of `text` that has one
  std::optional<Match> shortest(std::string_view text) const;  ///< the same for the shortest
  bool joins_spaces() const { return joins_spaces_; }  ///< a rule may be about a string with a space behind its start

 private:
  bool finds_inner_space() const;
  template <class Visit>
  void for_each_prefix(std::string_view text, const Visit& visit) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
  bool joins_spaces_ = false;
};

}  // namespace limpid
