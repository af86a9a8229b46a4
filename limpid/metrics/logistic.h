#pragma once

#include <cstddef>
#include <span>
#include <vector>

/// L2-regularised logistic regression, for heads of toxicity scorers and for linear probes. Torch-free, in double.
namespace limpid {

struct LogisticOptions {
  double C = 1;             ///< weight of the loss against the penalty, as in scikit-learn; > 0
  bool intercept = true;    ///< fitted and not penalised
  double tolerance = 1e-6;  ///< on the norm of the gradient of the objective below
  size_t max_iterations = 1000;
  size_t history = 20;  ///< pairs of steps that L-BFGS remembers
};

struct LogisticModel {
  std::vector<double> weights;  ///< [d]
  double intercept = 0;
  double objective = 0, gradient_norm = 0;  ///< where the fit stopped
  size_t iterations = 0;
  bool converged = false;  ///< gradient_norm <= tolerance

  double margin(std::span<const float> row) const;       ///< w · x + b; class 1 if > 0. @throws ShapeError
  double probability(std::span<const float> row) const;  ///< of class 1
};

/// Minimises, with labels y in {0, 1} read as signs s = 2 y - 1,
///   0.5 |w|² + C · sum_i v_i log(1 + exp(-s_i (w · x_i + b)))
/// by L-BFGS (Liu & Nocedal 1989) on centred features with a diagonal start for the Hessian; neither changes the
/// minimum. The same rows give the same bits with any number of threads.
///
/// @param rows     [n, dim] row by row.
/// @param labels   [n] 0 or 1.
/// @param weights  [n] sample weights v >= 0, or empty for 1.
/// @throws ShapeError when the sizes do not fit; ConfigError for settings out of range, values that are not finite,
/// labels other than 0 and 1, or when only one class has any weight.
LogisticModel fit_logistic(std::span<const float> rows, size_t dim, std::span<const int> labels,
                           const LogisticOptions& options = {}, std::span<const double> weights = {});

}  // namespace limpid
