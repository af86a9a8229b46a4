#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "limpid/decoding/row.h"
#include "limpid/server/responses/generation_response.h"
#include "limpid/tokenizers/tokenizer.h"

namespace limpid::server {

/// Returns a token and its bytes in a text.
TokenBytes bytes_of(const Tokenizer& tokenizer, TokenId id);

/// Returns what is told of a drawn token.
TokenRecord record_of(const Tokenizer& tokenizer, const TokenEvent& event);

/// Cuts the text of one choice into pieces, each with just the tokens that it is made of. A copy goes on by itself, so
/// that a choice can be taken back to where the copy was made.
class RowWriter {
 public:
  /// @param with_tokens  whether pieces tell their tokens
  RowWriter(size_t choice, std::shared_ptr<const Tokenizer> tokenizer, bool with_tokens)
      : choice_(choice),
        tokenizer_(std::move(tokenizer)),
        with_tokens_(with_tokens) {}

  /// Takes a token in. @param is_end  it ended the text and is no part of it
  void take(const TokenEvent& event, bool is_end);
  /// Returns what came since the last piece; nothing when that is no text and no token. Behind the last token the
  /// tokens that a stop string cut away are left out, and the one that it cut in two keeps the bytes in front of it.
  std::optional<Piece> next_piece();

  const std::string& text() const { return text_; }  ///< so far, what stop strings hold back left out
  int64_t tokens() const { return tokens_; }         ///< so far, the end token left out

 private:
  struct Placed {
    TokenRecord record;
    size_t begin;  // of its bytes
  };
  size_t choice_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool with_tokens_;
  std::string text_;
  size_t given_ = 0;  // bytes of text_ in pieces
  std::deque<Placed> waiting_;
  size_t bytes_ = 0;  // of all tokens
  int64_t tokens_ = 0;
  bool ended_ = false;
};

}  // namespace limpid::server
