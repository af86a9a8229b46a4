#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/tokenizers/regex.h"

namespace limpid {

/// Names of tokens to text: the decoders of the tokenizers library, one after another. Without any, a space stands
/// between two tokens. Unlike there, bytes that are no text stay what they are, so that the caller can show them.
class Decoder {
 public:
  enum class Kind : uint8_t {
    kByteLetters,   ///< letters of the byte alphabet become bytes; all tokens become one
    kWordPiece,     ///< `from` at the front is taken off; a token without it gets a space there
    kMetaspace,     ///< `from` becomes a space, at the start of the text nothing if `flag`
    kWordSuffix,    ///< `from` becomes a space, at the end of the text nothing
    kCtc,           ///< one of equal neighbours stays; the blank `from` goes
    kReplace,       ///< `from` or `regex` becomes `to`
    kFuse,          ///< all tokens become one
    kStrip,         ///< up to `start` and `stop` times `from` are taken off the ends of every token
    kByteFallback,  ///< <0x0A> becomes a byte
  };
  struct Step {
    Kind kind;
    std::string from = {}, to = {};
    std::optional<Regex> regex = {};
    size_t start = 0, stop = 0;
    bool flag = false;
    bool clean_up = false;  ///< of kWordPiece and kCtc: no space before punctuation and contractions
  };

  void add(Step step) { steps_.push_back(std::move(step)); }
  std::string text(std::vector<std::string> names) const;

  /// Returns what a token adds to a text between two others.
  std::string between(std::string_view name) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace limpid
