#pragma once

#include <torch/types.h>

#include <span>
#include <string>
#include <vector>

#include "limpid/core/range.h"
#include "limpid/kernels/linear.h"
#include "limpid/methods/fusion/options.h"

/// Output-layer fusion (Tian et al. 2025, arXiv:2506.01266; docs/methods.md, Read-outs): how a calibrator's last state
/// enters the state, or the distribution, of the model it protects. Plain float32 rows with double sums; rows do not
/// influence one another.
///
///   h  target state after its final norm        a  strength, of its own in every row
///   c  calibrator state after its final norm    A  [D1, D2] map between the two spaces; absent where they are the same
namespace limpid::fusion {

using torch::Tensor;

/// Returns what a detoxifier file's strength_meaning says.
std::string strength_meaning(Readout readout);
/// Returns the strengths allowed: 0 to 1 for convex forms, any finite number for Contrast.
Range strength_range(Readout readout);
float default_strength(Readout readout, bool aligned);

/// The epsilon of torch.nn.LayerNorm, which the published code uses.
inline constexpr float kLayerNormEpsilon = 1e-5f;

/// Turns h into h' for Norm, LayerNorm, Scale and Convex. `c` [D2] is cA, or c where there is no map; it is overwritten
/// by c'. A calibrator state of length 0 has no direction: Norm and Scale then take c' = 0 (Norm leaves h alone).
void mix_state(Readout readout, bool aligned, float strength, std::span<float> h, std::span<float> c);
/// Applies Contrast: h += strength * difference, where the difference (c_safe - c_other) A lies in the target's space.
void add_scaled(float strength, std::span<float> h, std::span<const float> difference);
/// Applies Probability: logits z of the target become log p'. A token that either model excludes (minus infinity) stays
/// excluded.
/// @return false, with z as it was, when that leaves no token
[[nodiscard]] bool mix_log_probabilities(float strength, std::span<float> z, std::span<const float> z_calibrator);
void scale_logits(float strength, std::span<float> z);  ///< applies Temperature; excluded tokens stay excluded

/// A [D1, D2], applied by our kernels so that a row's result does not depend on the others.
class StateMap {
 public:
  StateMap() = default;
  explicit StateMap(const Tensor& map);  ///< @throws ShapeError when it is not a matrix of finite numbers
  bool defined() const { return packed_ != nullptr; }
  int64_t rows() const { return map_.size(0); }     ///< D1
  int64_t columns() const { return map_.size(1); }  ///< D2
  const Tensor& tensor() const { return map_; }     ///< float32, contiguous
  Tensor forward(const Tensor& c) const;            ///< [R, D1] -> [R, D2]; c itself where there is no map

 private:
  Tensor map_;
  std::shared_ptr<const kernels::PackedMatrix> packed_;  // A^T [D2, D1]
};

/// The output matrix folded with the map, M = W A^T [V, D1], for callers who have logits and no states:
/// - Convex: z' = (1-a) z + a M c
/// - LayerNorm: z' = (1-a) z + a s M c, the centring folded into M, s = 1 / sqrt(|cAP|^2 / D2 + eps), P = I - 1/D2
/// - Scale: z' = (1-a) z + a s M c, s = rms(h) / rms(cA); the caller gives rms(h)
/// - Contrast: z' = z + a M (c_safe - c_other)
/// Equal to the direct form up to rounding, because the output matrix is linear and has no bias.
class FoldedReadout {
 public:
  /// @param W  [V, D2] float32    @param map  A; undefined where the spaces are the same
  /// @throws ConfigError for Norm, whose scale needs h itself, and for Probability and Temperature, which have no fold.
  FoldedReadout(Readout readout, const Tensor& W, const StateMap& map);
  const Tensor& matrix() const { return M_; }
  /// @param z  [R, V] logits of the target, changed in place    @param c  [R, D1]; for Contrast c_safe - c_other
  /// @param target_rms  [R] rms(h), read by Scale only
  void apply(Tensor& z, const Tensor& c, std::span<const float> strengths,
             std::span<const float> target_rms = {}) const;

 private:
  Readout readout_;
  StateMap map_;
  Tensor M_;
  std::shared_ptr<const kernels::PackedMatrix> packed_;
};

}  // namespace limpid::fusion
