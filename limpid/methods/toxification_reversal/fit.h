#pragma once

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/toxification_reversal/reversal.h"

/// `limpid fit toxification-reversal`: a description and two exponents, for a target. Nothing is computed.
///
/// The file (method "toxification-reversal") has no tensors; settings: prefix, norm_exponent, similarity_exponent.
namespace limpid {

/// Writes fit.output and returns its settings. @throws ConfigError for a prefix without tokens and exponents below 0.
Json fit_toxification_reversal(const Model& target, const ReversalFit& fit);

/// @throws FormatError for malformed settings; ConfigError for any option, there are none.
std::shared_ptr<Detoxifier> load_toxification_reversal(std::shared_ptr<const DetoxifierFile> file,
                                                       const DetoxSpec& spec);

}  // namespace limpid
