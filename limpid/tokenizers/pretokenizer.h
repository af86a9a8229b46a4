#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/tokenizers/normalizer.h"
#include "limpid/tokenizers/regex.h"

namespace limpid {

/// Text cut into pieces that are tokenised by themselves.
struct Pieces {
  struct Span {
    size_t begin, end;
  };
  std::string_view text;  // the input, or `owned` after a stage that rewrites
  std::string owned;
  std::vector<Span> spans;
  std::string_view piece(const Span& span) const { return text.substr(span.begin, span.end - span.begin); }
};

/// One stage: splits every piece at the matches of a pattern.
struct SplitStage {
  enum class Pattern : uint8_t { kRegex, kLiteral, kDigit, kPunctuation, kWhiteSpace };
  enum class Behavior : uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
  Pattern pattern = Pattern::kRegex;
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;
  std::optional<Regex> regex = {};
  std::string literal = {};
};

/// Sequence of the pre-tokenizers of the tokenizers library.
class PreTokenizer {
 public:
  void add_split(SplitStage stage);
  void add_prefix_space();  ///< a space in front of every piece that has none
  void add_byte_letters();  ///< the rewriting part of ByteLevel
  struct Metaspace {
    std::string replacement;
    bool first_only = false, never = false;
  };
  void add_metaspace(Metaspace metaspace);  ///< spaces become `replacement`, one more in front

  bool byte_level() const { return byte_level_; }      ///< pieces are raw bytes, to be tokenised byte by byte
  bool splits_nothing() const { return !has_split_; }  ///< pieces are whole segments
  void split(std::string_view text, Place place, Pieces& pieces) const;
  std::string_view as_rewritten(std::string_view character) const;  ///< Metaspace's mark for a space

  /// Returns offsets b, 0 < b < text.size(), at which the text can be cut: whatever follows `text`, the pieces before b
  /// stay as they are, and those after b are the pieces of what starts at b. Ascending, not necessarily all there are.
  std::vector<size_t> stable_cuts(std::string_view text, Place place) const;

 private:
  struct Stage {
    enum class Kind : uint8_t { kSplit, kPrefixSpace, kByteLetters, kMetaspace } kind;
    SplitStage split = {};
    Metaspace metaspace = {};
  };
  bool splits_at_marks() const;  ///< all that it does is to write Metaspace's marks and to start a piece with each
  void rewrite(const Stage& stage, Place place, Pieces& pieces) const;

  std::vector<Stage> stages_;
  bool byte_level_ = false, has_split_ = false;
};

/// Returns the split of GPT-2 (Radford et al. 2019, encoder.py), which ByteLevel uses.
SplitStage gpt2_split();

}  // namespace limpid
