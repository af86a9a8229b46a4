#pragma once

#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/toxification_reversal/reversal.h"

/// `limpid fit toxification-reversal`: a description and two exponents, for a target. Nothing is computed.
///
/// The file (method "toxification-reversal") has no tensors; settings: prefix, norm_exponent, similarity_exponent.
namespace limpid::toxification_reversal {

/// Writes fit.output and returns its settings. @throws ConfigError for a prefix without tokens and exponents below 0.
Json fit_toxification_reversal(const Model& target, const ReversalFit& fit);

}  // namespace limpid::toxification_reversal
