#pragma once

#include <cstdint>

#include "limpid/core/names.h"
#include "limpid/training/options.h"

/// Options of Pareto-optimal learning. No LibTorch here: the command line binds to these structs.
namespace limpid::polar {

/// How the losses of one example, l_j = w_j CE_j over the sources that voted, become one number.
enum class Scalariser {
  Linear,     ///< sum_j l_j
  Quadratic,  ///< (sum_j l_j)^2
  Euclidean,  ///< sqrt(sum_j l_j^2)
  Chebyshev,  ///< max_j l_j
};
inline constexpr const char* kScalarisers[] = {"linear", "quadratic", "euclidean", "chebyshev"};
constexpr Names names_of(Scalariser) { return kScalarisers; }

struct HarmoniserOptions {
  Scalariser scalariser = Scalariser::Quadratic;
  int64_t hidden = 0;  ///< width of a hidden layer; 0: logistic regression
  AdamWOptions adamw{.learning_rate = 1e-3};
  int64_t batch = 16, epochs = 100;
  int64_t patience = 5;  ///< epochs without a better loss on gold labels, after which it stops
  uint64_t seed = 1;     ///< of batches and of a hidden layer's first weights
};

}  // namespace limpid::polar
