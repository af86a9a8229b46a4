#pragma once

#include <map>
#include <stdexcept>
#include <string>

#include "limpid/tokenizers/tokenizer.h"

namespace limpid::testing_support {

/// Bytes are tokens 0 to 255; the given pieces follow and are taken greedily, longest first; then <s> and </s>.
class ToyTokenizer final : public Tokenizer {
 public:
  explicit ToyTokenizer(std::vector<std::string> pieces = {}, bool adds_bos = false, bool drops_returns = false)
      : pieces_(std::move(pieces)),
        adds_bos_(adds_bos),
        drops_returns_(drops_returns) {
    for (int byte = 0; byte < 256; ++byte) bytes_.push_back(std::string(1, char(byte)));
  }
  TokenIds encode(std::string_view text, bool add_special) const override {
    TokenIds ids;
    if (add_special && adds_bos_) ids.push_back(*bos());
    while (!text.empty()) {
      size_t best = 0;
      TokenId id = TokenId(static_cast<unsigned char>(text[0]));
      for (size_t i = 0; i < pieces_.size(); ++i)
        if (text.starts_with(pieces_[i]) && pieces_[i].size() > best) best = pieces_[i].size(), id = TokenId(256 + i);
      if (!(drops_returns_ && text[0] == '\r')) ids.push_back(id);
      text.remove_prefix(std::max<size_t>(best, 1));
    }
    return ids;
  }
  std::string decode(std::span<const TokenId> ids, bool) const override {
    std::string text;
    for (TokenId id : ids) text += token_bytes(id);
    return text;
  }
  size_t vocab_size() const override { return 258 + pieces_.size(); }
  std::string_view token_bytes(TokenId id) const override {
    if (id < 256) return bytes_.at(size_t(id));
    return size_t(id) < 256 + pieces_.size() ? std::string_view(pieces_[size_t(id) - 256]) : std::string_view();
  }
  std::string_view token_text(TokenId id) const override {
    return id == *bos() ? "<s>" : id == *eos() ? "</s>" : token_bytes(id);
  }
  bool is_special(TokenId id) const override { return id >= *bos(); }
  std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
  std::optional<TokenId> bos() const override { return TokenId(256 + pieces_.size()); }
  std::optional<TokenId> eos() const override { return TokenId(257 + pieces_.size()); }
  std::optional<TokenId> pad() const override { return std::nullopt; }
  bool adds_bos() const override { return adds_bos_; }
  std::string chat_template() const override { return ""; }

 private:
  std::vector<std::string> bytes_, pieces_;
  bool adds_bos_, drops_returns_;
};

/// The message of the exception that `work` throws; fails the test when it throws none.
template <class Exception, class Work>
std::string message_of(Work work) {
  try {
    work();
  } catch (const Exception& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no exception";
  return "";
}

}  // namespace limpid::testing_support
