#pragma once

#include <span>
#include <vector>

#include "limpid/core/random.h"
#include "limpid/core/watch.h"
#include "limpid/methods/polar/losses.h"
#include "limpid/training/optimizer.h"

/// The harmoniser h* of POLAR: a small network that agrees with several sources of labels at a Pareto-optimal point of
/// their losses.
namespace limpid::polar {

/// A logistic regression, or a network with one hidden layer of rectified units.
struct Harmoniser {
  /// Each layer is [out, in + 1]; the last column is its bias, which decays with the weights as in the release. The
  /// last layer has one output for two classes.
  std::vector<Tensor> layers;

  /// Returns a network that knows nothing: zeros, but for the first weights of a hidden layer, which are random.
  static Harmoniser fresh(int64_t features, int64_t classes, int64_t hidden, uint64_t seed);

  Tensor logits(const Tensor& x) const;  ///< [N, features] float32 -> [N, C], or [N, 1] for two classes
};

/// Examples with their votes.
struct VotedExamples {
  Tensor x;      ///< [N, D] float32
  Tensor votes;  ///< [N, m] int64
};

/// Optimiser steps on the losses of batches.
class HarmoniserSteps {
 public:
  /// @param weights  [m] of the sources    The harmoniser is trained in place.
  HarmoniserSteps(Harmoniser& harmoniser, Tensor weights, const HarmoniserOptions& options);
  /// Takes one step and returns the loss before it.
  double step(const VotedExamples& batch);

 private:
  Harmoniser& harmoniser_;
  Tensor weights_;
  HarmoniserOptions options_;
  AdamW optimizer_;
};

/// Examples with labels that are taken for true, [N], which say when to stop.
struct GoldExamples {
  Tensor x, labels;
};

/// Trains a harmoniser of as many classes as there are among votes and labels: AdamW on shuffled batches, until the
/// loss on the gold labels has not fallen for options.patience epochs. The last weights are kept, as in the release.
/// Examples without a vote teach nothing.
/// @throws ConfigError when nothing is left to learn from; Interrupted
Harmoniser train_harmoniser(const VotedExamples& examples, const Tensor& weights, const GoldExamples& gold,
                            const HarmoniserOptions& options, Watch& watch = unwatched());

/// Returns 1/m for each of m sources.
Tensor equal_weights(int64_t sources);
/// Returns weights of the sources that favour those whose gradients point where the others' do: half is shared equally,
/// half goes by the leading eigenvector (by power iteration) of the cosines between the gradients of the sources' mean
/// losses at an untrained logistic regression. The sum is 1.
Tensor gradient_weights(const VotedExamples& examples);

}  // namespace limpid::polar
