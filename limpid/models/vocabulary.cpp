#include "limpid/models/vocabulary.h"

#include "limpid/core/error.h"

namespace limpid {

bool same_vocabulary(const Model& a, const Model& b) {
  if (a.config().vocab_size != b.config().vocab_size) return false;
  if (!a.tokenizer() || !b.tokenizer() || a.tokenizer() == b.tokenizer()) return true;
  return vocab_sha256(*a.tokenizer()) == vocab_sha256(*b.tokenizer());
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
