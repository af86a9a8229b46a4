#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/tokenizers/added_tokens.h"
#include "limpid/tokenizers/decoder.h"
#include "limpid/tokenizers/model.h"
#include "limpid/tokenizers/normalizer.h"
#include "limpid/tokenizers/pretokenizer.h"
#include "limpid/tokenizers/token_table.h"
#include "limpid/tokenizers/tokenizer.h"

namespace limpid {

/// The parts of a tokenizer, filled in by the readers of the file formats.
struct PipelineParts {
  std::shared_ptr<const TokenTable> tokens;
  AddedTokens raw_added;         // looked for in the text as it is
  AddedTokens normalized_added;  // looked for after normalisation
  Normalizer normalizer;
  PreTokenizer pretokenizer;
  std::unique_ptr<PieceModel> model;
  TokenIds prefix, suffix;  // special tokens around a text

  /// Makes text of names; where there is none, text is the tokens' bytes one after another.
  std::optional<Decoder> decoder;
  std::shared_ptr<const TokenTable> names;  // what the decoder is given
  bool hides_special = false;               // special tokens are never shown (SentencePiece) …
  TokenId unknown = -1;                     // … but for this one, which is shown as
  std::string unknown_text;
  bool dummy_prefix = false;  // a space at the start of decoded text is not shown

  std::optional<TokenId> bos, eos, pad;
  std::string chat_template;
};

/// Added tokens, normaliser, pre-tokenizer, model, special tokens: the order of the tokenizers library, in which the
/// other formats can be said too.
class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(PipelineParts parts);

  TokenIds encode(std::string_view text, bool add_special) const override;
  std::string decode(std::span<const TokenId> ids, bool skip_special) const override;
  size_t vocab_size() const override { return parts_.tokens->size(); }
  std::string_view token_bytes(TokenId id) const override { return parts_.tokens->bytes(id); }
  std::string_view token_text(TokenId id) const override { return parts_.tokens->text(id); }
  bool is_special(TokenId id) const override { return parts_.tokens->special(id); }
  std::optional<TokenId> find(std::string_view special_token) const override;
  std::optional<TokenId> bos() const override { return parts_.bos; }
  std::optional<TokenId> eos() const override { return parts_.eos; }
  std::optional<TokenId> pad() const override { return parts_.pad; }
  bool adds_bos() const override {
    return parts_.bos && !parts_.prefix.empty() && parts_.prefix.front() == *parts_.bos;
  }
  std::string chat_template() const override { return parts_.chat_template; }
  bool has_dummy_prefix() const override { return parts_.dummy_prefix; }
  TokenIds encode_part(std::string_view text, const PartStart& start) const override;
  SafeCut safe_cut(std::string_view text, const PartStart& start) const override;

 private:
  /// Where a segment stands, and what the model has added up before its first piece (PartStart::score).
  struct SegmentStart {
    Place place;
    double score = 0;
  };
  void encode_segment(std::string_view segment, SegmentStart start, TokenIds& ids) const;
  void encode_pieces(std::string_view normalized, SegmentStart start, TokenIds& ids) const;
  SafeCut segment_cut(std::string_view segment, SegmentStart start) const;
  std::vector<size_t> piece_cuts(std::string_view text, Place place) const;
  double score_of(std::string_view normalized, const SegmentStart& start) const;

  PipelineParts parts_;
  std::vector<std::pair<std::string, TokenId>> specials_;  // sorted by spelling
};

}  // namespace limpid
