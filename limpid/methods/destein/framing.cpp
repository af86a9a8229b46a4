#include "limpid/methods/destein/framing.h"

#include "limpid/tokenizers/chat.h"

namespace limpid::destein {
namespace {

constexpr size_t kMaxTokens = 256;  // of a framed text; what is longer loses its end

PooledText framed(const Tokenizer& tokenizer, const std::string& prefix, const std::string& text,
                  const PairFraming& framing) {
  TokenIds ids;
  if (framing.chat) {
    const std::vector<Turn> turns = {{"user", framing.prefixes ? trimmed_pair_text(prefix) : "Write something"}};
    ids = encode_chat(tokenizer, render_chat(tokenizer, turns, /*add_generation_prompt=*/true) + text);
  } else {
    ids = tokenizer.encode(framing.prefixes ? prefix + text : text, /*add_special=*/true);
  }
  if (ids.size() > kMaxTokens) ids.resize(kMaxTokens);
  if (framing.window > 0) return PooledText::last(std::move(ids), framing.window);
  // The tokens that spell the text, counted from its end.
  size_t bytes = 0;
  int64_t first = int64_t(ids.size());
  while (first > 0 && bytes < text.size()) bytes += tokenizer.token_bytes(ids[size_t(--first)]).size();
  return {std::move(ids), first};
}

}  // namespace

std::vector<PooledText> framed_texts(const Tokenizer& tokenizer, const std::vector<SteeringPair>& pairs,
                                     const PairFraming& framing) {
  std::vector<PooledText> texts;
  for (const SteeringPair& pair : pairs) texts.push_back(framed(tokenizer, kToxicPrefix, pair.toxic, framing));
  for (const SteeringPair& pair : pairs) texts.push_back(framed(tokenizer, kNeutralPrefix, pair.neutral, framing));
  return texts;
}

}  // namespace limpid::destein
