#pragma once

#include "limpid/core/watch.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/sasa/sasa.h"

/// `limpid fit sasa`: from a target and labelled texts to a detoxifier file. Forward passes only.
///
/// The file (method "sasa") holds w [D] and midpoint [D]; settings: variant, candidates, and what the subspace was made
/// from.
namespace limpid::sasa {

/// Writes fit.output and returns its settings. `held_out_accuracy` is that of a subspace from four fifths of each class
/// on the last fifth; the one that is stored is from all texts.
/// @throws ConfigError for fewer than ten texts of a class.
Json fit_sasa(const Model& target, const SasaFit& fit, Watch& watch = unwatched());

}  // namespace limpid::sasa
