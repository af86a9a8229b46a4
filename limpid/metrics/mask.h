#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "limpid/core/files.h"

/// Masks offensive words in text that is shown to people: reports, tables, logs. The first letter stays, each further
/// letter becomes an asterisk. Stored data are never changed by this.
///
/// A word is a run of letters and digits; upper and lower case are alike (ASCII, Latin, Greek, Cyrillic). A listed word
/// also matches with -s, -es, -ies, -ed, -ing (with a doubled consonant or a lost -e). Words inside other words do not
/// match.
namespace limpid {

class WordMask {
 public:
  WordMask();  ///< the built-in list, kept as hashes

  /// Adds one word or phrase a line; blank lines and lines that begin with `#` are passed over.
  /// @throws FormatError "FILE:LINE: …" for invalid UTF-8, a line without letters, or a phrase longer than
  /// kMaxPhraseWords.
  void add_lexicon(const fs::path& path);
  void add(std::string_view word_or_phrase);  ///< @throws ConfigError for one without letters or that is too long

  /// Returns whether one word (letters and digits only) would be masked.
  bool matches(std::string_view word) const;

  /// Returns `text` with every listed word masked; everything else, invalid bytes included, stays as it is.
  std::string mask(std::string_view text) const;

  static constexpr size_t kMaxPhraseWords = 6;

 private:
  std::unordered_set<uint64_t> hashes_;
  size_t longest_phrase_ = 1;
};

/// Returns `text` on one line, masked by the built-in list: for a cell of a table.
std::string masked_line(std::string text);

/// Returns the simple lower case of UTF-8: ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic letters one to one;
/// others unchanged.
std::string lower_case(std::string_view text);

}  // namespace limpid
