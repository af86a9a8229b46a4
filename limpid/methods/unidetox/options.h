#pragma once

#include <limits>
#include <optional>

#include "limpid/core/json.h"

/// Options of `limpid distil`. No LibTorch here: the command line binds to these structs.
namespace limpid::unidetox {

struct ContrastOptions {
  double alpha = 0.1;  ///< plausibility threshold in (0, 1]; smaller keeps more tokens
  double beta = std::numeric_limits<double>::infinity();  ///< weight of the contrast, above 0
  double temperature = 1.0;                               ///< above 0
  int64_t top_k = 0;                                      ///< of the kept tokens, the K best scores; 0 is off

  /// @throws ConfigError naming the option, the value and its range.
  void check() const;
};

struct DistilOptions {
  ContrastOptions contrast;
  int64_t texts = 640;
  int64_t length = 256;  ///< new tokens of a text at most
  /// So many tokens, the first of each text, are sampled from the plain base at temperature 1. None: 2, and 0 with
  /// contexts.
  std::optional<int64_t> opening;
  uint64_t seed = 1;
  int64_t rows = 16;    ///< decoded together; changes no text
  double reject = 0.0;  ///< this share of the texts is left out of the file: the lowest mean scores, or the most toxic
  fs::path output;
};

}  // namespace limpid::unidetox
