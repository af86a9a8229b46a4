#pragma once

#include <cstddef>
#include <span>

/// Pushing activations away from a direction, head by head (DeStein, arXiv:2404.10464; docs/methods.md, Steering
/// rules).
namespace limpid::kernels {

/// With u = x / |x| of one head, z its unit direction (toward toxic), w its weight, a the strength and l = 1 + max(0,
/// cos(u, z)):
///   Preserve    x' = |x| nrm(u - a w l z)                      the head keeps its length
///   Linear      x' = x - a w |x| z
///   Constant    x' = x - a w length z                          no dependence on x: a bias
///   AsReleased  y  = nrm(u - a l z), x' = |x_all| y / |y_all|  w has no effect, and a = 0 is not the identity
/// nrm keeps a zero vector zero.
enum class SteeringRule { Preserve, Linear, Constant, AsReleased };

inline constexpr size_t kMostSteeredHeads = 256;  ///< of a layer: their moments lie on the stack

/// One layer's heads side by side: `width` numbers each.
struct SteeringHeads {
  size_t heads, width;     ///< heads at most kMostSteeredHeads
  const float* direction;  ///< [heads * width], unit in each head, or zero: such a head is left alone
  const float* weight;     ///< [heads]; a head with weight 0 keeps its bits (but for AsReleased)
  const float* length;     ///< [heads], mean |x| of the head; Constant only
  const float* threshold;  ///< [heads] or null: heads with x z <= threshold keep their bits (but for AsReleased)
};

/// Steers each row in place, each with its own strength, which is not 0. Rows do not influence one another.
void steer(SteeringRule rule, const SteeringHeads& heads, std::span<float* const> rows,
           std::span<const float> strengths);
/// The same in double and as the formulas stand.
void steer_plain(SteeringRule rule, const SteeringHeads& heads, float* row, float strength);

}  // namespace limpid::kernels
