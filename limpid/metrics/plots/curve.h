#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/metrics/statistics.h"

/// Trade-off curves: what a gain costs, one line per method.
namespace limpid {

struct CurvePoint {
  double x = 1.0, y = 0.0;
  std::optional<Interval> interval;  ///< interval of y, drawn as whiskers
  std::string label;                 ///< beside the marker, for example the strength; may be empty
};

struct CurveSeries {
  std::string name;                ///< in the legend
  std::vector<CurvePoint> points;  ///< in the order in which the line goes; one point is a marker without a line
};

struct Curve {
  std::string title, x_name, y_name;
  std::optional<CurvePoint> reference;  ///< point the others are compared with: a ring, with guides through it
  std::vector<CurveSeries> series;      ///< told apart by colour (Okabe & Ito 2008) and by the shape of the marker
};

/// Draws a curve, 800 pixels wide, the legend below. x on a logarithmic scale; points without a finite y or a finite x
/// above 0 are left out.
std::string curve_svg(const Curve& curve);

}  // namespace limpid
