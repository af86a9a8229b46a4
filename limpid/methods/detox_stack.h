#pragma once

#include <memory>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/decoding/detoxifier.h"

namespace limpid {

/// A detoxifier at a strength.
struct AppliedDetoxifier {
  std::shared_ptr<const Detoxifier> detoxifier;
  float strength = 0.0f;
};

/// Detoxifiers that act together on a row, one behind the other; none: the plain model.
struct DetoxStack {
  std::vector<AppliedDetoxifier> detoxifiers;

  /// Adds a detoxifier, or the parts that it stands for, each at its share of the strength.
  void add(const std::shared_ptr<const Detoxifier>& detoxifier, float strength);
  bool is_plain() const { return detoxifiers.empty(); }
  bool acts() const;                                                      ///< some strength is not 0
  std::vector<float> strengths() const;                                   ///< for Request::strengths
  std::vector<std::unique_ptr<Session>> open(const Model& target) const;  ///< @throws MismatchError as Detoxifier::open
};

/// Warns of a strength outside those that were measured when the detoxifier was made, where it says which.
void warn_if_unmeasured(const Detoxifier& detoxifier, float strength, const std::string& place, Watch& watch);

/// Opens FILE[?key=value&…][:STRENGTH] (detox_spec.h) in this order; without a strength the detoxifier's default holds.
/// @param watch  is warned of a strength outside those that were measured when the file was made, where it says which
/// @throws what DetoxSpec::parse and open_detoxifier do
DetoxStack open_detoxifiers(const std::vector<std::string>& specs, Watch& watch = unwatched());

}  // namespace limpid
