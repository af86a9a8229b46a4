#pragma once

#include <cstdint>
#include <string>

namespace limpid {

class Model;

/// The model a detoxifier was made for.
struct TargetSignature {
  std::string architecture;
  int64_t hidden_size = 0, layers = 0, vocab_size = 0;
  std::string vocab_sha256;  ///< empty when the model came without a tokenizer

  static TargetSignature of(const Model& model);
  /// Returns what differs, "hidden_size 576, this model has 640; …"; empty when nothing does. A hash that one side
  /// lacks is not compared.
  std::string difference(const TargetSignature& other) const;
};

}  // namespace limpid
