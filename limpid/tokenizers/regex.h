#pragma once

#include <memory>
#include <string>
#include <string_view>

/// Regular expressions of tokenizer files: Oniguruma's syntax as the tokenizers library uses it, run by PCRE2.
namespace limpid {

class Regex {
 public:
  /// @param source  what to call the expression's place in an error, for example "tokenizer.json"
  /// @throws FormatError for an expression that does not compile.
  Regex(std::string_view pattern, const std::string& source);

  enum class Result : uint8_t {
    kMatch,
    kNone,
    kOpen,  ///< only when asked for stable matches: more text could change the outcome
  };
  struct Span {
    size_t begin, end;
  };

  /// Finds the first match at or after `from` in valid UTF-8.
  /// @param stable  report kOpen when the search looked beyond the end of the text, so that every match returned is
  ///                the match that any continuation of the text has too.
  /// @throws FormatError when the expression exceeds its work limit.
  Result find(std::string_view text, size_t from, Span& match, bool stable = false) const;

  /// Returns the text with `to` for every match.
  /// @param most  bytes that may come of it    @throws FormatError when more do
  std::string replaced(std::string_view text, std::string_view to, size_t most = SIZE_MAX) const;

  /// Returns whether a match never depends on what stands before its start: the search can begin at the end of a match
  /// as if the text began there.
  bool forgets_the_past() const { return forgets_; }

 private:
  std::shared_ptr<const void> code_;
  std::string source_;
  bool forgets_ = false;
};

}  // namespace limpid
