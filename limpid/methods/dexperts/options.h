#pragma once

#include <optional>
#include <string>

#include "limpid/core/json.h"

/// What `limpid fit dexperts` is told. No LibTorch here: the command line binds to these structs.
namespace limpid {

/// Which tokens the target itself lets through. It looks at the target's logits as they come, before the experts and
/// before the request's temperature.
struct TokenMask {
  enum class Kind { Nucleus, Plausibility, None } kind = Kind::Nucleus;
  double level = 0.9;  ///< Nucleus: the likeliest tokens up to this mass, in (0, 1]; Plausibility: at least this share
                       ///< of the best, in (0, 1]

  /// "nucleus:P", "plausibility:A" or "none". @throws ConfigError, `where` in front.
  static TokenMask parse(const std::string& text, const std::string& where);
  std::string text() const;
};

struct ExpertsFit {
  fs::path output;
  fs::path anti;  ///< a path or the name of a pulled model; so is the expert
  std::optional<fs::path> expert;
  TokenMask mask;
  float strength = 2.0f;  ///< the paper's alpha
  Json provenance = Json::object();
};

}  // namespace limpid
