#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/tokenizers/added_tokens.h"
#include "limpid/tokenizers/character_map.h"
#include "limpid/tokenizers/regex.h"

namespace limpid {

/// Position of a piece of text.
struct Place {
  bool text_start = true;     ///< nothing at all stands before it
  bool segment_start = true;  ///< nothing but an added token stands before it
};

/// Changes the text before it is split: the normalisers of the tokenizers library.
class Normalizer {
 public:
  enum class Kind : uint8_t {
    kNfc,
    kNfd,
    kNfkc,
    kNfkd,
    kLowercase,
    kStripMarks,           ///< drops combining marks
    kStripSpaces,          ///< at the ends, see strip_left and strip_right
    kReplace,              ///< `from` or `regex` by `to`
    kReplaceSpaceRuns,     ///< two spaces and more by `to`
    kPrepend,              ///< `to` before every segment that is not empty
    kPrependToText,        ///< `to` before the text only (SentencePiece's dummy prefix)
    kBertClean,            ///< drops control characters, makes every white space a space
    kBertSpaceIdeographs,  ///< puts a space on both sides of CJK ideographs
    kStripAccents,         ///< decomposes and drops non-spacing marks
    kNmt,                  ///< drops control characters, makes invisible ones and line ends spaces
    kByteLetters,          ///< every byte as its letter of the byte alphabet
    kGraphemeMap,          ///< `map` over grapheme clusters and characters, as the tokenizers library applies it
    kLongestMap,           ///< `map` over the longest strings that have a rule, as SentencePiece applies it
    kCollapseSpaces,       ///< one space for a run of them, none at the ends of a segment
  };
  struct Step {
    Kind kind;
    std::string from, to;
    std::optional<Regex> regex;
    bool strip_left = false, strip_right = false;
    std::shared_ptr<const CharacterMap> map = {};
    AddedTokens unmapped = {};  ///< what kLongestMap leaves as it is
  };

  void add(Step step) { steps_.push_back(std::move(step)); }
  void add(Kind kind) { steps_.push_back({kind, {}, {}, {}, false, false}); }
  bool changes_nothing() const { return steps_.empty(); }
  /// @throws FormatError when the text grows without measure.
  std::string apply(std::string_view text, Place place) const;
  /// Returns whether something comes of the first character of a text that is not empty. Else what comes of the text
  /// is not its start.
  bool keeps_start(std::string_view text) const;

  /// Returns whether the text can be normalised in parts that start at characters for which `starts_part` holds, given
  /// the one before.
  bool works_in_parts() const;
  bool starts_part(char32_t before, char32_t code) const;

 private:
  bool needs_spaces_between_parts() const;

  std::vector<Step> steps_;
};

}  // namespace limpid
