#pragma once

#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/self_debiasing/debiasing.h"
#include "limpid/methods/self_debiasing/options.h"

/// `limpid fit self-debiasing`: descriptions and the floor, for a target. Nothing is computed.
///
/// The file (method "self-debiasing") has no tensors; settings: prefixes, epsilon.
namespace limpid::self_debiasing {

/// Writes fit.output and returns its settings. @throws ConfigError for no prefixes, empty ones, or epsilon outside (0,
/// 1].
Json fit_self_debiasing(const Model& target, const DebiasingFit& fit);

}  // namespace limpid::self_debiasing
