#pragma once

#include <memory>
#include <string>
#include <vector>

#include "limpid/tokenizers/tokenizer.h"

namespace limpid {

/// Follows a text written in one vocabulary in the ids of another: after every token of the target, ids() are
///   calibrator.encode(bytes so far, without an unfinished UTF-8 character at the end, add_special = false).
/// The bytes are those of the target's tokens (token_bytes); its special tokens have none, and a dummy space at the
/// front is no text. Bytes that can become no character count as U+FFFD, one for each maximal valid beginning.
///
/// Ids are those of encoding everything again after each token, but only the text since the last safe cut
/// (Tokenizer::safe_cut) is encoded again: some tens of bytes for the tokenizers of tokenizer_files.h.
class ByteAlignedStream {
 public:
  ByteAlignedStream(std::shared_ptr<const Tokenizer> target, std::shared_ptr<const Tokenizer> calibrator);

  /// Change of ids(): the first `keep` stay, then come `add`.
  struct Change {
    size_t keep = 0;
    TokenIds add;
  };
  Change push(TokenId target_token);
  /// Takes the last `target_tokens` tokens back. @throws ConfigError when there are fewer.
  Change rewind(size_t target_tokens);

  const TokenIds& ids() const { return ids_; }
  size_t target_tokens() const { return history_.size() - 1; }
  const std::string& text() const { return text_; }  ///< what ids() encode

 private:
  // The state after a target token, to go back to.
  struct Moment {
    size_t text = 0;         // bytes of text_
    std::string unfinished;  // bytes that may become a character
    bool started = false;    // some text has come
  };
  // A place where the text can be cut, found when it was `found_at` bytes long.
  struct Cut {
    size_t text = 0, ids = 0, found_at = 0;
    PartStart start = {};  // of what stands behind it
  };

  Change encode_tail();

  std::shared_ptr<const Tokenizer> target_, calibrator_;
  std::vector<Moment> history_ = {Moment{}};
  std::vector<Cut> cuts_ = {Cut{}};
  std::string text_;
  TokenIds ids_;
};

}  // namespace limpid
