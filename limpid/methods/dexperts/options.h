#pragma once

#include <optional>
#include <string>

#include "limpid/core/json.h"
#include "limpid/methods/dexperts/method.h"

/// Options of `limpid fit dexperts`. No LibTorch here: the command line binds to these structs.
namespace limpid::dexperts {

/// Which tokens the target itself lets through. It looks at the target's logits as they come, before the experts and
/// before the request's temperature.
struct TokenMask {
  enum class Kind { Nucleus, Plausibility, None } kind = Kind::Nucleus;
  /// Nucleus: the likeliest tokens up to this mass; Plausibility: at least this share of the best. In (0, 1].
  double level = 0.9;

  /// Returns the mask of a kind at the level that its paper uses.
  static TokenMask usual(Kind kind) {
    if (kind == Kind::Nucleus) return {kind, 0.9};
    return {kind, kind == Kind::Plausibility ? 0.1 : 1.0};
  }
  /// Reads "nucleus:P", "plausibility:A" or "none". @throws ConfigError that begins with `place`.
  static TokenMask parse(const std::string& text, const std::string& place);
  std::string text() const;
};

constexpr Names names_of(TokenMask::Kind) { return DexpertsMethod::kMasks; }

struct ExpertsFit {
  fs::path output;
  fs::path anti;  ///< a path or the name of a pulled model; so is the expert
  std::optional<fs::path> expert;
  TokenMask mask;
  float strength = *DexpertsMethod::info.strength.usual;
  Json provenance = Json::object();
};

}  // namespace limpid::dexperts
