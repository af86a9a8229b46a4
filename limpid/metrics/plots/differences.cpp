#include "limpid/metrics/plots/differences.h"

#include <algorithm>
#include <cmath>

#include "limpid/metrics/plots/svg.h"
#include "limpid/metrics/table.h"

namespace limpid {
namespace {

constexpr double kDifferencesWidth = 460, kNames = 180, kNumbers = 40, kLine = 26;

/// Returns the end of the scale: the next of 0.05, 0.1, 0.2, 0.5, 1 that holds every interval.
double scale_of(const std::vector<DrawnDifference>& differences) {
  double largest = 0.0;
  for (const DrawnDifference& one : differences)
    for (const double end : {one.difference, one.interval.low, one.interval.high})
      if (std::isfinite(end)) largest = std::max(largest, std::abs(end));
  for (const double end : {0.05, 0.1, 0.2, 0.5, 1.0})
    if (largest <= end) return end;
  return largest;
}

}  // namespace

std::string differences_svg(const std::vector<DrawnDifference>& differences) {
  const double scale = scale_of(differences), height = kLine * (double(differences.size()) + 1);
  const double left = kNames + 10, right = kDifferencesWidth - kNumbers - 10;
  const auto x = [&](double value) { return left + (right - left) * (value / scale + 1) / 2; };
  const std::string stroke = svg::attributes("stroke", "currentColor");
  std::string content =
      svg::element("line", svg::attributes("x1", x(0), "x2", x(0), "y1", 0, "y2", kLine * double(differences.size())) +
                               stroke + svg::attributes("stroke-opacity", 0.4));
  for (size_t i = 0; i < differences.size(); ++i) {
    const DrawnDifference& one = differences[i];
    const double y = kLine * (double(i) + 0.5);
    const bool sure = one.interval.low > 0 || one.interval.high < 0;
    content += svg::text(kNames, y + 4, one.name, svg::Anchor::End);
    content += svg::element("line", svg::attributes("x1", x(one.interval.low), "x2", x(one.interval.high), "y1", y,
                                                    "y2", y, "stroke-width", 2) +
                                        stroke);
    content += svg::element("circle",
                            svg::attributes("cx", x(one.difference), "cy", y, "r", 4.5, "stroke-width", 2, "fill",
                                            sure ? "currentColor" : "none") +
                                stroke,
                            one.name + ": " + format_interval(one.difference, one.interval, 3));
    content += svg::text(kDifferencesWidth, y + 4,
                         (one.difference > 0 ? "+" : "") + format_number(one.difference, 2, false), svg::Anchor::End);
  }
  const double bottom = kLine * double(differences.size()) + 16;
  content += svg::text(x(-scale), bottom, format_number(-scale, 2, false), svg::Anchor::Middle);
  content += svg::text(x(0), bottom, "0", svg::Anchor::Middle);
  content += svg::text(x(scale), bottom, "+" + format_number(scale, 2, false), svg::Anchor::Middle);
  return concat("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"",
                svg::attributes("width", kDifferencesWidth, "height", height, "viewBox",
                                concat("0 0 ", svg::number(kDifferencesWidth), " ", svg::number(height)), "aria-label",
                                "Differences with intervals", "font-size", 13, "fill", "currentColor"),
                ">\n", content, "</svg>\n");
}

}  // namespace limpid
