#include "limpid/methods/target_signature.h"

#include "limpid/core/error.h"

namespace limpid {

std::string TargetSignature::difference(const TargetSignature& other) const {
  std::string text;
  const auto differ = [&](const char* what, const auto& expected, const auto& actual) {
    if (expected != actual) text += concat(text.empty() ? "" : "; ", what, " ", expected, ", this model has ", actual);
  };
  differ("architecture", architecture, other.architecture);
  differ("hidden_size", hidden_size, other.hidden_size);
  differ("layers", layers, other.layers);
  differ("vocab_size", vocab_size, other.vocab_size);
  if (!vocab_sha256.empty() && !other.vocab_sha256.empty())
    differ("vocabulary", vocab_sha256.substr(0, 12), other.vocab_sha256.substr(0, 12));
  return text;
}

}  // namespace limpid
