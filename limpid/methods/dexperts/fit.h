#pragma once

#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/dexperts/dexperts.h"

/// `limpid fit dexperts`: which models stand beside a target, and behind which mask. Nothing is computed.
///
/// The file (method "dexperts") has no tensors; settings: mask ("nucleus:0.9"), expert (whether there is one). Its
/// models are named under `needs` with the roles "anti" and "expert".
namespace limpid::dexperts {

/// Writes fit.output and returns its settings. @throws MismatchError for models with other vocabularies than the
/// target's.
Json fit_dexperts(const Model& target, const ExpertsFit& fit);

}  // namespace limpid::dexperts
