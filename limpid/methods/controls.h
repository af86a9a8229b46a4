#pragma once

#include "limpid/decoding/session.h"
#include "limpid/methods/detox_spec.h"

/// Controls: what a side effect of some method does by itself. They need no file and fit every model; a report that
/// shows the method should show its control too.
///   control:temperature:A   z' = (1-A) z, A in [0, 1]: fusion's factor without a calibrator (methods.md 1.2)
///   control:mask:S          z'[v] = -inf where p[v] < S max p, S in (0, 1]: the plausibility mask of contrastive
///   decoding
///                           without the contrast (methods.md 2.3 b; Li et al. 2023, arXiv:2210.15097)
namespace limpid {

/// A strength of 0 is off, as for every detoxifier. @throws ConfigError for options or a strength outside the range.
using ControlMaker = std::shared_ptr<Detoxifier> (*)(const DetoxSpec& spec);

/// The controls there are, by their full names: "control:mask", …
const std::map<std::string, ControlMaker>& controls();

}  // namespace limpid
