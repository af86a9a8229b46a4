#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/decoding/companion.h"
#include "limpid/decoding/session.h"

/// The target behind texts of a method's own: what it would say after a description.
namespace limpid {

/// For every row one stream for each prefix, which reads prefix + the row's text and which no session changes. The
/// row's beginning- of-text token, where the tokenizer puts one, is left out behind a prefix. A prefix is read once and
/// shared by all rows.
class PrefixedStreams {
 public:
  /// @param prefixes    as ids; an empty one is the row's text alone
  /// @param keep_heads  head outputs at the last token are kept
  PrefixedStreams(const Model& target, std::vector<TokenIds> prefixes, bool keep_heads = false);

  size_t count() const { return prefixes_.size(); }
  void admit(RowId row);
  void fork(RowId from, RowId to);
  void release(RowId row);

  /// Takes all streams of the step's rows to their history, together. Streams go back by themselves when a row does.
  /// @return  state after the final norm at the last token, [rows * prefixes, D], the streams of a row side by side
  /// @throws ConfigError when prefix and text do not fit the target's context.
  Tensor states(const Step& step);
  /// Session::streams for it, without heads.
  void streams(const Step& step, std::vector<Streams>& all);
  /// Head outputs there, [L, H * K].
  const Tensor& heads(RowId row, size_t prefix) const { return companion_.heads(key(row, prefix)); }
  /// The same at the end of a prefix that is not empty.
  const Tensor& prefix_heads(size_t prefix) const { return companion_.heads(prefix_key(prefix)); }

 private:
  RowId prefix_key(size_t prefix) const { return RowId(prefix); }
  RowId key(RowId row, size_t prefix) const { return (row + 1) * RowId(count()) + RowId(prefix); }

  /// Keys and texts of all streams of the step's rows, the streams of a row side by side.
  std::pair<std::vector<RowId>, std::vector<TokenIds>> texts_of(const Step& step) const;

  std::vector<TokenIds> prefixes_;
  std::optional<TokenId> bos_;  // left out behind a prefix
  Companion companion_;
};

/// Texts as prefixes: with the special tokens that the tokenizer puts in front of a text.
/// @throws ConfigError when the model has no tokenizer or a text has no tokens, `where` in front.
std::vector<TokenIds> encode_prefixes(const Model& target, const std::vector<std::string>& texts,
                                      const std::string& where);

}  // namespace limpid
