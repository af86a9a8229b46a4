#pragma once

#include "limpid/core/watch.h"
#include "limpid/data/pairs.h"
#include "limpid/methods/destein/directions.h"
#include "limpid/methods/destein/framing.h"
#include "limpid/methods/destein/probes.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/steering.h"

/// `limpid fit destein`: from a target and steering pairs to a detoxifier file. Forward passes only.
///
/// The file (method "destein") holds, for L layers of D numbers in H slices:
///   directions [L, D]    mean difference, principal component or probe weights, toward toxic
///   accuracy   [L, H]    of the cross-validated probes; head weights follow from it (probes.h)
///   lengths    [L, H]    mean length of the slices' activations over both classes
///   projections [2, L, H]  mean of x z, z unit: over neutral texts, over toxic texts
/// settings: tap, rule, positions, layers, and what the directions were made from.
namespace limpid::destein {

/// Returns the number of slices that a tap's activations have in this model. @throws ConfigError when they do not
/// divide its width.
int64_t heads_of(Tap tap, const ModelConfig& config);

/// Directions, and numbers of each slice, as the file holds them.
struct SteeringStatistics {
  Tensor directions, accuracy, lengths, projections;
};
/// Makes them from the activations of pairs, toxic and neutral [L, N, D].
SteeringStatistics steering_statistics(const Tensor& toxic, const Tensor& neutral, int64_t heads, DirectionKind kind,
                                       const ProbeOptions& probes, uint64_t seed);

/// Writes fit.output and returns its settings, with the accuracy of the probes under "probes".
Json fit_destein(const Model& target, const SteeringFit& fit, Watch& watch = unwatched());

}  // namespace limpid::destein
