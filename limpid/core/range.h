#pragma once

#include <limits>
#include <string>

namespace limpid {

/// The finite numbers that an option or a strength may have.
struct Range {
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
  bool without_least = false, without_most = false;  ///< whether that end is itself left out

  bool contains(double value) const;
  /// Returns what follows "expected": "0 to 1", "above 0 and at most 1", "1 or more", "a finite number".
  std::string text() const;
};

}  // namespace limpid
