#pragma once

#include <memory>

#include "limpid/decoding/session.h"

namespace limpid {

/// Returns a session that stands behind the others and changes nothing: the plain model reads each of its rows along,
/// and the logits of the step are left in ActiveRow::plain_logits.
std::unique_ptr<Session> make_plain_reader(const Model& model);

}  // namespace limpid
