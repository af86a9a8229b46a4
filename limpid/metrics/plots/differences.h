#pragma once

#include <string>
#include <vector>

#include "limpid/metrics/statistics.h"

/// Differences between two runs, one a line, as points with their intervals around a line at zero.
namespace limpid {

struct DrawnDifference {
  std::string name;
  double difference = 0.0;
  Interval interval{0.0, 0.0};
};

/// Draws the differences on one scale, 460 pixels wide, filled where the interval holds no zero, in the colour of the
/// text around it and without a ground, so that it fits a page by day and by night.
std::string differences_svg(const std::vector<DrawnDifference>& differences);

}  // namespace limpid
