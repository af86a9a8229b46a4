#include "limpid/core/number_text.h"

#include <cmath>
#include <cstdio>

#include "limpid/core/error.h"

namespace limpid {

std::string human_duration(double seconds) {
  char text[48];
  const long whole = long(seconds + 0.5);
  if (seconds < 9.95)
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  else if (whole < 120)
    std::snprintf(text, sizeof text, "%ld s", whole);
  else if (whole < 7200)
    std::snprintf(text, sizeof text, "%ld min %02ld s", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
  return text;
}

std::string thousands(uint64_t value) {
  std::string text = std::to_string(value);
  for (int64_t comma = int64_t(text.size()) - 3; comma > 0; comma -= 3) text.insert(size_t(comma), ",");
  return text;
}

std::string percent(double share) { return concat(std::round(share * 1000.0) / 10.0, " %"); }

}  // namespace limpid
