#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/tokenizers/tokenizer.h"

namespace limpid {

/// The text that a row adds to its prompt, as its tokens come: their bytes, special tokens left out, a word-start mark
/// as a space also in front, invalid UTF-8 as U+FFFD; nothing from the first stop string on. What a token costs does
/// not grow with the text.
class ContinuationText {
 public:
  /// @param tokenizer  null: there is no text
  ContinuationText(std::shared_ptr<const Tokenizer> tokenizer, std::vector<std::string> stop_strings);

  /// Takes in a token and returns what can be shown now: complete characters, and nothing that may become a stop
  /// string.
  std::string push(TokenId id);
  /// Returns what was held back, once no token follows: an unfinished character becomes U+FFFD.
  std::string finish();

  bool is_stopped() const { return stopped_; }       ///< a stop string has come
  const std::string& text() const { return text_; }  ///< whole after finish()

 private:
  std::string append(const std::string& more);
  std::string show_to(size_t end);
  size_t held_back() const;

  std::optional<StreamingDecoder> decoder_;
  std::vector<std::string> stop_strings_;
  std::string text_;
  size_t shown_ = 0;  // bytes of text_
  bool stopped_ = false;
};

}  // namespace limpid
