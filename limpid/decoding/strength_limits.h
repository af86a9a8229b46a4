#pragma once

#include <string>

#include "limpid/core/error.h"
#include "limpid/core/range.h"

namespace limpid {

/// The strengths that a request may ask of a detoxifier: 0, which is off, and those in its range.
struct StrengthLimits {
  std::string name = "a session";  ///< of the detoxifier, for messages
  Range range;

  /// @param place  begins the message    @throws ConfigError for another strength.
  void check(float strength, const std::string& place) const {
    LIMPID_CHECK(strength == 0.0f || range.contains(double(strength)), ConfigError, place, "strength ", strength,
                 " of ", name, ", expected ", range.text());
  }
};

}  // namespace limpid
