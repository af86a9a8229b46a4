#include "limpid/methods/companion_logits.h"

#include <cmath>

#include "limpid/methods/fusion/fusion.h"

namespace limpid {

Tensor CompanionLogits::of(std::span<const Row* const> rows, std::span<const TokenIds> wanted) {
  const Tensor states = companion_.states(rows);
  return (wanted.empty() ? model().output_matrix(states) : model().output_matrix(states, wanted)).contiguous();
}

void CompanionLogits::streams(const Model& target, std::span<const Row* const> rows, std::vector<Streams>& all) {
  if (&target == &model()) all.push_back(companion_.streams(rows));
}

TokenIds kept_tokens(std::span<const float> z) {
  TokenIds kept;
  for (size_t v = 0; v < z.size(); ++v)
    if (z[v] != -INFINITY) kept.push_back(TokenId(v));
  return kept;
}

void check_same_vocabulary(const Model& target, const Model& other, const std::string& role, const std::string& where) {
  const int64_t here = target.config().vocab_size, there = other.config().vocab_size;
  LIMPID_CHECK(here == there, MismatchError, where, "the ", role, " has a vocabulary of ", there,
               " tokens, the target of ", here, "; logits can only be combined over equal vocabularies");
  LIMPID_CHECK(same_vocabulary(target, other), MismatchError, where, "the ", role,
               " has as many tokens as the target (", here,
               "), but others; logits can only be combined over equal vocabularies");
}

}  // namespace limpid
