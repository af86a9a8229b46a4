#pragma once

#include "limpid/methods/steering.h"

/// Control vectors as llama.cpp and others exchange them: a GGUF file with general.architecture "controlvector" and one
/// F32 vector `direction.N` for each block N, counted from 0, after which it is added to the residual stream. The
/// format has no direction.0: block 0 cannot be steered.
namespace limpid {

/// The vectors by block.
struct ControlVector {
  std::map<int64_t, Tensor> directions;  ///< N >= 1 -> [D] float32
  std::string model_hint;  ///< architecture it was made for; files spell it in several ways, and may not say

  /// @throws FormatError for a file that is none, naming what is wrong with it.
  static ControlVector read(const fs::path& path);
  /// Metadata as llama.cpp and repeng write it: controlvector.model_hint, and controlvector.layer_count, the number of
  /// directions.
  void write(const fs::path& path) const;
};

}  // namespace limpid
