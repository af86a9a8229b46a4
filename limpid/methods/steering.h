#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "limpid/decoding/session.h"
#include "limpid/methods/steering_options.h"

/// DeStein's activation fusion as a detoxifier (docs/methods.md, Steering rules; arXiv:2404.10464).
namespace limpid {

Site site_of(Tap tap);

/// Directions and settings of a session: D numbers in H slices in each of L layers.
struct SteeringParts {
  Tap tap = Tap::Projection;
  SteeringRule rule = SteeringRule::Preserve;
  Positions positions = Positions::Last;
  int64_t first_layer = 0, last_layer = -1;  ///< inclusive; -1: the last there is
  Tensor directions;                         ///< [L, D] toward toxic, any length
  Tensor weights;                            ///< [L, H] in [0, 1]
  Tensor lengths;                            ///< [L, H] mean length of a slice's activations; Constant only
  Tensor thresholds;  ///< [L, H] on x z with unit z: only slices beyond it are changed; undefined: all
};

/// Steers with one kernel call for each layer. Strength is alpha, per row.
class SteeringSession final : public Session {
 public:
  /// @throws ShapeError when the parts do not fit one another or the target.
  SteeringSession(const Model& target, SteeringParts parts);

  /// Returns what rule Constant adds to every row of activations at strength 1, whatever they are: -w length z, [L, D]
  /// float32, zero in the layers that are left alone.
  Tensor constant_offsets() const;

  bool listens(Site site, int64_t layer) const override;
  void activations(Site site, int64_t layer, const Step& step, Tensor& x) override;

 private:
  SteeringParts parts_;
  Site site_;
  Tensor units_;              // [L, D], unit in each slice
  std::vector<bool> active_;  // [L]
  std::vector<float*> rows_;  // of one call, kept for their memory
  std::vector<float> strengths_;
};

}  // namespace limpid
