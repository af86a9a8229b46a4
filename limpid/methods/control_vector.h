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

  /// Reads a file. @throws FormatError for one that is no control vector, naming what is wrong with it.
  static ControlVector read(const fs::path& path);
  /// Writes a file with the metadata of llama.cpp and repeng: controlvector.model_hint, and controlvector.layer_count,
  /// the number of directions.
  void write(const fs::path& path) const;
};

}  // namespace limpid
