#include "limpid/tokenizers/sentencepiece_parts.h"

#include <cmath>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/tokenizers/json_parts.h"

namespace limpid {

void SentencePieceParts::add(std::string_view name, int64_t type) {
  const TokenId id = TokenId(tokens->size());
  LIMPID_CHECK(type >= kNormalToken && type <= kByteToken, FormatError, place, ": token ", id, " is of type ", type,
               ", expected 1 to 6");
  mergeable.push_back(type == kNormalToken || type == kUnusedToken);
  switch (type) {
    case kByteToken: {
      const int byte = fallback_byte(name);
      LIMPID_CHECK(byte >= 0, FormatError, place, ": byte token ", id, " is named ", quote(name),
                   ", expected <0x00> to <0xFF>");
      if (bytes.empty()) bytes.assign(256, -1);
      bytes[size_t(byte)] = id;
      const char value = char(byte);
      tokens->append({&value, 1}, false);
      return;
    }
    case kControlToken:
    case kUnknownToken:
      if (type == kUnknownToken && !unknown) unknown = id;
      return tokens->append(name, true);
    default: tokens->append_marked(name, false);
  }
  if (type != kUserDefinedToken) return;
  AddedToken token;
  token.content = std::string(tokens->text(id));
  token.id = id;
  user_defined.push_back(std::move(token));
}

std::shared_ptr<const Tokenizer> make_sentencepiece(SentencePieceParts pieces, PipelineParts parts) {
  for (size_t id = 0; id < pieces.scores.size(); ++id)
    LIMPID_CHECK(std::isfinite(pieces.scores[id]), FormatError, pieces.place, ": the score of token ", id,
                 " is not a number");
  for (size_t byte = 0; byte < pieces.bytes.size(); ++byte)
    LIMPID_CHECK(pieces.bytes[byte] >= 0, FormatError, pieces.place, ": there are byte tokens, but none for byte ",
                 byte);
  // SentencePiece writes spaces as U+2581, so the two are one to it; here both are spaces.
  Normalizer::Step unmark{Normalizer::Kind::kReplace, std::string(kWordMark), " ", {}, false, false};
  parts.normalizer.add(std::move(unmark));
  if (pieces.add_space_prefix) parts.normalizer.add({Normalizer::Kind::kPrependToText, {}, " ", {}, false, false});
  SentencePieceModel::Options options;
  options.unknown = pieces.unknown.value_or(-1);
  options.bytes = std::move(pieces.bytes);
  parts.tokens = pieces.tokens;
  parts.model =
      std::make_unique<SentencePieceModel>(pieces.tokens, pieces.mergeable, pieces.scores, std::move(options));
  parts.normalized_added = AddedTokens(std::move(pieces.user_defined));
  parts.decode = PipelineParts::Decode::kBytesNoSpecial;
  parts.dummy_prefix = pieces.add_space_prefix;
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace limpid
