#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "limpid/methods/sasa/options.h"

/// The linear subspace of SASA (Ko et al. 2025, arXiv:2410.03818; docs/methods.md, SASA): two Gaussians with one
/// covariance over the states of non-toxic and toxic texts.
namespace limpid::sasa {

using torch::Tensor;

/// A hyperplane between the classes: margin(s) = w . (g(s) - midpoint), above 0 on the non-toxic side.
struct Subspace {
  Tensor w;           ///< [D] float32, unit
  Tensor midpoint;    ///< [D] float32, mean of the two class means
  int64_t rank = 0;   ///< eigenvalues that were kept
  double odds = 0.0;  ///< exp(odds * margin) is the ratio of the two densities, non-toxic over toxic
};

/// Returns w = Sigma^-1 (mu1 - mu2) / 2, made unit, Sigma = (S1 + S2) / (n1 + n2 - 2) over its kept eigenvalues.
/// Float64 inside: in float32 null directions of a singular Sigma pass the cut and turn w.
/// @param nontoxic  [n1, D];  toxic [n2, D]
/// @throws ShapeError for other shapes; ConfigError for fewer than three states in all, an empty class, or classes that
/// do not differ.
Subspace fit_subspace(const Tensor& nontoxic, const Tensor& toxic, const SubspaceOptions& options = {});

/// Returns the margin of one state [D].
float margin(const Subspace& subspace, std::span<const float> state);
/// Returns the margins of states [N, D], [N] float32.
Tensor margins(const Subspace& subspace, const Tensor& states);

}  // namespace limpid::sasa
