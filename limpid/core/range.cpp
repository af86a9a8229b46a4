#include "limpid/core/range.h"

#include <cmath>

#include "limpid/core/error.h"

namespace limpid {

bool Range::contains(double value) const {
  return std::isfinite(value) && (without_least ? value > least : value >= least) &&
         (without_most ? value < most : value <= most);
}

std::string Range::text() const {
  const bool has_least = std::isfinite(least), has_most = std::isfinite(most);
  if (!has_least && !has_most) return "a finite number";
  const std::string begin = without_least ? concat("above ", least) : concat("at least ", least);
  const std::string end = without_most ? concat("below ", most) : concat("at most ", most);
  if (!has_least) return end;
  if (!has_most) return without_least ? begin : concat(least, " or more");
  return without_least || without_most ? begin + " and " + end : concat(least, " to ", most);
}

}  // namespace limpid
