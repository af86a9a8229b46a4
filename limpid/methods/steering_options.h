#pragma once

#include "limpid/core/names.h"
#include "limpid/kernels/steering.h"

/// The options of steering activations, with their names. No LibTorch here.
namespace limpid {

using kernels::SteeringRule;
/// The names of each enumeration's values stand in their order.
inline constexpr const char* kSteeringRules[] = {"preserve", "linear", "constant", "as_released"};
namespace kernels {
constexpr Names names_of(SteeringRule) { return kSteeringRules; }
}  // namespace kernels

/// The place in a layer at which activations are taken and changed. Layers are counted from 0.
enum class Tap {
  Heads,       ///< true heads: input of the attention output projection
  Projection,  ///< after it, as released: "heads" are slices of the mixed write
  Layer,       ///< the residual stream after a block, as one slice: control vectors
};
inline constexpr const char* kTaps[] = {"heads", "projection", "layer"};
constexpr Names names_of(Tap) { return kTaps; }

/// The positions that are changed.
enum class Positions {
  Last,       ///< the prompt's last and all generated ones: every token that is drawn is drawn from steered states
  Generated,  ///< generated ones: the first new token, computed from the prompt's last position, is unsteered
  All,        ///< the prompt too, as released; it changes the meaning of the context
};
inline constexpr const char* kPositions[] = {"last", "generated", "all"};
constexpr Names names_of(Positions) { return kPositions; }

}  // namespace limpid
