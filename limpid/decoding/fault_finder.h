#pragma once

#include <memory>
#include <vector>

#include "limpid/decoding/session.h"

namespace limpid {

/// Puts a session behind `sessions` that tells where a row ceases to be finite: it ends with an error that names the
/// embeddings, the first layer whose output holds NaN or an infinite number, as the sessions in front left it, or the
/// final state. `strengths` gets its entry (always on). Texts do not change.
void add_fault_finder(std::vector<std::unique_ptr<Session>>& sessions, std::vector<float>& strengths);

}  // namespace limpid
