#pragma once

#include <array>
#include <string>

#include "limpid/core/json.h"
#include "limpid/methods/gedi/method.h"

/// Options of `limpid fit gedi`. No LibTorch here: the command line binds to these structs.
namespace limpid::gedi {

struct GediRule {
  double scale = 1.0;                       ///< learned with the guide
  std::array<double, 2> bias = {0.0, 0.0};  ///< learned with the guide: of clean, of dirty
  double class_bias = 2.0;                  ///< added to clean; moves target_p along
  double filter_p = 0.8;                    ///< share of the mass that may be removed, in [0, 1)
  double target_p = 0.8;                    ///< a token at least so probably clean stays, in (0, 1), before class_bias

  /// sigmoid(logit(target_p) + class_bias)
  double moved_target_p() const;
  /// @throws ConfigError naming the number and its range.
  void check() const;
};

struct GediFit {
  fs::path output;
  fs::path guide;                    ///< a path or the name of a pulled model
  std::array<std::string, 2> codes;  ///< clean, dirty: a text, or ids as "#5" or "#5#17"
  GediRule rule;
  float strength = *GediMethod::info.strength.usual;
  Json provenance = Json::object();
};

}  // namespace limpid::gedi
