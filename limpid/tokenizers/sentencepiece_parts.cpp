#include "limpid/tokenizers/sentencepiece_parts.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/unigram.h"

namespace limpid {

void SentencePieceParts::add(std::string_view name, int64_t type) {
  const TokenId id = TokenId(tokens->size());
  LIMPID_CHECK(type >= kNormalToken && type <= kByteToken, FormatError, place, ": token ", id, " is of type ", type,
               ", expected 1 to 6");
  types.push_back(type);
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
}

void SentencePieceParts::add_named(std::vector<AddedToken> named, bool split) {
  auto table = std::make_shared<TokenTable>();
  std::vector<const AddedToken*> special(tokens->size(), nullptr);
  for (const AddedToken& token : named)
    if (token.special && tokens->known(token.id)) special[size_t(token.id)] = &token;
  for (size_t id = 0; id < special.size(); ++id)
    special[id] ? table->append(special[id]->content, true)
                : table->append(tokens->text(TokenId(id)), tokens->special(TokenId(id)));
  for (const AddedToken& token : named)
    if (size_t(token.id) == table->size()) table->append(token.content, token.special);
  tokens = std::move(table);
  types.resize(tokens->size(), kControlToken);  // no text is split into them
  scores.resize(tokens->size(), 0);
  added = std::move(named);
  split_special = split;
}

namespace {

std::vector<AddedToken> user_defined(const SentencePieceParts& pieces) {
  std::vector<AddedToken> out;
  for (size_t id = 0; id < pieces.types.size(); ++id) {
    if (pieces.types[id] != kUserDefinedToken) continue;
    AddedToken token;
    token.content = std::string(pieces.tokens->text(TokenId(id)));
    token.id = TokenId(id);
    out.push_back(std::move(token));
  }
  return out;
}

std::unique_ptr<PieceModel> bpe_model(SentencePieceParts pieces) {
  std::vector<bool> mergeable;
  for (int64_t type : pieces.types) mergeable.push_back(type == kNormalToken || type == kUnusedToken);
  SentencePieceModel::Options options;
  options.unknown = pieces.unknown.value_or(-1);
  options.bytes = std::move(pieces.bytes);
  if (pieces.splits_unused)
    for (int64_t type : pieces.types) options.unused.push_back(type == kUnusedToken);
  return std::make_unique<SentencePieceModel>(pieces.tokens, mergeable, pieces.scores, std::move(options));
}

// Source of the constants: SentencePiece, src/unigram_model.cc.
std::unique_ptr<PieceModel> unigram_model(SentencePieceParts pieces) {
  double lowest = std::numeric_limits<float>::max(), highest = std::numeric_limits<float>::lowest();
  for (size_t id = 0; id < pieces.types.size(); ++id) {
    if (pieces.types[id] != kNormalToken) continue;
    lowest = std::min(lowest, pieces.scores[id]);
    highest = std::max(highest, pieces.scores[id]);
  }
  std::vector<std::pair<std::string_view, TokenId>> entries;
  for (size_t id = 0; id < pieces.types.size(); ++id) {
    const std::string_view text = pieces.tokens->text(TokenId(id));
    const bool bound = pieces.types[id] == kUserDefinedToken;  // to be chosen wherever it stands
    if (text.empty() || (pieces.types[id] != kNormalToken && !bound)) continue;
    entries.emplace_back(text, TokenId(id));
    if (bound) pieces.scores[id] = double(float(text.size()) * float(highest)) - 0.1;
  }
  UnigramModel::Options options;
  options.unknown = pieces.unknown.value_or(-1);
  options.bytes = std::move(pieces.bytes);
  options.unknown_score = double(float(lowest) - 10.0f);
  options.single_precision = true;
  return std::make_unique<UnigramModel>(std::move(entries), std::move(pieces.scores), std::move(options));
}

void add_normalizer(const SentencePieceParts& pieces, Normalizer& normalizer) {
  using Kind = Normalizer::Kind;
  if (pieces.character_map) {
    Normalizer::Step step{Kind::kLongestMap, {}, {}, {}, false, false};
    step.map = pieces.character_map;
    step.unmapped = AddedTokens(user_defined(pieces));
    normalizer.add(std::move(step));
  }
  if (pieces.collapse_spaces) normalizer.add(Kind::kCollapseSpaces);
  // SentencePiece writes spaces as U+2581, so the two are one to it; here both are spaces.
  normalizer.add({Kind::kReplace, std::string(kWordMark), " ", {}, false, false});
}

}  // namespace

std::shared_ptr<const Tokenizer> make_sentencepiece(SentencePieceParts pieces, PipelineParts parts) {
  for (size_t id = 0; id < pieces.scores.size(); ++id)
    LIMPID_CHECK(std::isfinite(pieces.scores[id]), FormatError, pieces.place, ": the score of token ", id,
                 " is not a number");
  for (size_t byte = 0; byte < pieces.bytes.size(); ++byte)
    LIMPID_CHECK(pieces.bytes[byte] >= 0, FormatError, pieces.place, ": there are byte tokens, but none for byte ",
                 byte);
  add_normalizer(pieces, parts.normalizer);
  parts.tokens = pieces.tokens;
  parts.hides_special = true;
  parts.dummy_prefix = pieces.add_space_prefix;
  set_added_tokens(std::move(pieces.added), pieces.split_special, parts);
  // Behind these, for the space in front of a text is none of theirs.
  if (pieces.add_space_prefix) parts.normalizer.add({Normalizer::Kind::kPrependToText, {}, " ", {}, false, false});
  if (!pieces.unigram) {  // a lattice takes user-defined pieces by their score
    std::vector<AddedToken> whole = user_defined(pieces);
    for (const AddedToken& token : parts.normalized_added.tokens()) whole.push_back(token);
    parts.normalized_added = AddedTokens(std::move(whole));
  }
  parts.model = pieces.unigram ? unigram_model(std::move(pieces)) : bpe_model(std::move(pieces));
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace limpid
