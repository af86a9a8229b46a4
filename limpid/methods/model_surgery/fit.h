#pragma once

#include "limpid/core/watch.h"
#include "limpid/methods/activations.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/model_surgery/gate_rows.h"
#include "limpid/methods/model_surgery/options.h"

/// `limpid fit model-surgery`: from a target and labelled texts to a detoxifier file. Forward passes, and one logistic
/// regression.
///
/// The file (method "model-surgery") holds:
/// - direction [D]: weights of the regression (toxic is class 1), at the mean length of the chosen rows: the length of
///   a head's weights follows from its penalty and means nothing, and so the strength a is in lengths of a row.
/// - rows [n, 2]: (layer, row) of the gate matrices, best first.
///
/// Whether +a or -a is the milder one is for measurement to say (docs/methods.md, Model Surgery): negative strengths
/// are allowed.
namespace limpid::model_surgery {

/// Writes fit.output and returns its settings, with the regression's accuracy on held-out texts under "probe".
Json fit_model_surgery(const Model& target, const SurgeryFit& fit, Watch& watch = unwatched());

}  // namespace limpid::model_surgery
