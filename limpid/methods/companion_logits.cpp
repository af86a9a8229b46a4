#include "limpid/methods/companion_logits.h"

#include "limpid/methods/fusion/fusion.h"

namespace limpid {

Tensor CompanionLogits::of(std::span<const Row* const> rows) {
  std::vector<TokenIds> ids;
  std::vector<Companion::Text> texts;
  ids.reserve(rows.size());
  for (const Row* row : rows) {
    ids.push_back(row->history());
    texts.push_back({row->id, ids.back()});
  }
  return model().output_matrix(companion_.states(texts)).contiguous();
}

void check_same_vocabulary(const Model& target, const Model& other, const std::string& role, const std::string& where) {
  const int64_t here = target.config().vocab_size, there = other.config().vocab_size;
  LIMPID_CHECK(here == there, MismatchError, where, "the ", role, " has a vocabulary of ", there, " tokens, the target of ", here,
               "; logits can only be combined over equal vocabularies");
  LIMPID_CHECK(same_vocabulary(target, other), MismatchError, where, "the ", role, " has as many tokens as the target (", here,
               "), but others; logits can only be combined over equal vocabularies");
}

}  // namespace limpid
