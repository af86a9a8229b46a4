#pragma once

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/dexperts/dexperts.h"

/// `limpid fit dexperts`: which models stand beside a target, and behind which mask. Nothing is computed.
///
/// The file (method "dexperts") has no tensors; settings: mask ("nucleus:0.9"), expert (whether there is one). Its
/// models are named under `needs` with the roles "anti" and "expert".
namespace limpid {

/// Writes fit.output and returns its settings. @throws MismatchError for models with other vocabularies than the
/// target's.
Json fit_dexperts(const Model& target, const ExpertsFit& fit);

/// Options: mask=nucleus|plausibility|none, level=NUMBER in (0, 1], expert=none (the anti-expert alone).
/// @throws FormatError for malformed settings; ConfigError for other options.
std::shared_ptr<Detoxifier> load_dexperts(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec);

}  // namespace limpid
