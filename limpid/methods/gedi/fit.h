#pragma once

#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/gedi/gedi.h"

/// `limpid fit gedi`: a guide with its control codes and numbers for a target. Nothing is computed.
///
/// The file (method "gedi") has no tensors; settings: clean, dirty (ids of the codes), scale, bias [clean, dirty],
/// class_bias, filter_p, target_p. The guide is named under `needs`.
namespace limpid::gedi {

/// Writes fit.output and returns its settings. @throws MismatchError for a guide with another vocabulary; ConfigError
/// for a code that has no tokens or ids outside the vocabulary, and for numbers out of range.
Json fit_gedi(const Model& target, const GediFit& fit);

}  // namespace limpid::gedi
