#include "limpid/metrics/plots/curve.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "limpid/metrics/plots/svg.h"
#include "limpid/metrics/table.h"

namespace limpid {
namespace {

using svg::Anchor;
using svg::attributes;
using svg::element;

constexpr double kWidth = 800, kLeft = 64, kRight = 776, kTop = 56, kBottom = 456, kLegendTop = 528, kLegendLine = 22;
constexpr std::array<const char*, 7> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#555555"};
constexpr size_t kShapes = 5;

bool drawable(const CurvePoint& point) { return std::isfinite(point.x) && point.x > 0.0 && std::isfinite(point.y); }

bool has_whiskers(const CurvePoint& point) {
  return point.interval && std::isfinite(point.interval->low) && std::isfinite(point.interval->high);
}

/// Maps data to pixels.
struct Scale {
  double x_low = 1.0, x_high = 1.0, y_low = INFINITY, y_high = -INFINITY, y_step = 0.1;

  void include(const CurvePoint& point) {
    x_low = std::min(x_low, point.x), x_high = std::max(x_high, point.x);
    y_low = std::min(y_low, has_whiskers(point) ? point.interval->low : point.y);
    y_high = std::max(y_high, has_whiskers(point) ? point.interval->high : point.y);
  }
  /// Makes room around the points, and rounds the ends of y.
  void widen() {
    const double margin = std::max(0.06 * std::log(x_high / x_low), 0.02);
    x_low *= std::exp(-margin), x_high *= std::exp(margin);
    if (!(y_low <= y_high)) y_low = 0.0, y_high = 1.0;
    for (double step : {0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0})
      if (y_step = step; (y_high - y_low) / step <= 8) break;
    y_low = std::floor(y_low / y_step - 0.2) * y_step, y_high = std::ceil(y_high / y_step + 0.2) * y_step;
    if (y_low < 0.0 && y_low >= -y_step) y_low = 0.0;
  }
  double x(double value) const { return kLeft + (kRight - kLeft) * std::log(value / x_low) / std::log(x_high / x_low); }
  double y(double value) const { return kBottom - (kBottom - kTop) * (value - y_low) / (y_high - y_low); }
};

/// Returns round ratios that lie in range and not upon one another; the coarsest come first, so 1 and 2 win over 1.05.
std::vector<double> ratio_ticks(const Scale& scale) {
  std::vector<double> ticks;
  for (double value : {1.0, 2.0, 0.5, 5.0, 0.2, 10.0, 0.1, 20.0, 50.0, 100.0, 1.5,  3.0,  0.7,  1.2,
                       0.8, 0.3, 1.1, 0.9, 1.3, 0.6,  4.0, 7.0,  1.05, 0.95,  1.02, 0.98, 1.01, 0.99}) {
    if (value < scale.x_low || value > scale.x_high) continue;
    const auto apart = [&](double other) { return std::abs(scale.x(other) - scale.x(value)) >= 44; };
    if (std::all_of(ticks.begin(), ticks.end(), apart)) ticks.push_back(value);
  }
  std::sort(ticks.begin(), ticks.end());
  return ticks;
}

std::string line(double x1, double y1, double x2, double y2, const char* colour, double width = 1.0) {
  return element("line", attributes("x1", x1, "y1", y1, "x2", x2, "y2", y2, "stroke", colour, "stroke-width", width));
}

std::string marker(size_t series, double x, double y, const std::string& tooltip) {
  const std::string fill = attributes("fill", kColours[series % kColours.size()], "stroke", "#fff", "stroke-width", 1);
  const auto polygon = [&](std::initializer_list<std::pair<double, double>> corners) {
    std::string points;
    for (const auto& [dx, dy] : corners)
      points += concat(points.empty() ? "" : " ", svg::number(x + dx), ",", svg::number(y + dy));
    return element("polygon", attributes("points", points) + fill, tooltip);
  };
  switch (series % kShapes) {
    case 0: return element("circle", attributes("cx", x, "cy", y, "r", 5) + fill, tooltip);
    case 1: return polygon({{-5, -5}, {5, -5}, {5, 5}, {-5, 5}});
    case 2: return polygon({{0, -6.5}, {6, 4.5}, {-6, 4.5}});
    case 3: return polygon({{0, -7}, {6, 0}, {0, 7}, {-6, 0}});
    default: return polygon({{0, 6.5}, {6, -4.5}, {-6, -4.5}});
  }
}

std::string ring(double x, double y, const std::string& tooltip) {
  return element("circle", attributes("cx", x, "cy", y, "r", 5.5, "fill", "#fff", "stroke", "#000", "stroke-width", 2),
                 tooltip);
}

std::string whiskers(const CurvePoint& point, const Scale& scale, const char* colour) {
  if (!has_whiskers(point)) return "";
  const double x = scale.x(point.x), low = scale.y(point.interval->low), high = scale.y(point.interval->high);
  return concat("<g opacity=\"0.45\">", line(x, low, x, high, colour), line(x - 4, low, x + 4, low, colour),
                line(x - 4, high, x + 4, high, colour), "</g>\n");
}

std::string tooltip(const std::string& name, const Curve& curve, const CurvePoint& point) {
  std::string text = concat(name, point.label.empty() ? "" : " " + point.label, ": ", curve.x_name, " ",
                            svg::number(point.x), ", ", curve.y_name, " ", format_number(point.y, 3));
  if (has_whiskers(point))
    text += concat(" [", format_number(point.interval->low, 3), ", ", format_number(point.interval->high, 3), "]");
  return text;
}

int digits_of(double step) {
  if (step < 0.01) return 3;
  return step < 0.1 ? 2 : 1;
}

std::string axes(const Curve& curve, const Scale& scale) {
  std::string out;
  for (double y = scale.y_low; y <= scale.y_high + scale.y_step / 2; y += scale.y_step) {
    out += line(kLeft, scale.y(y), kRight, scale.y(y), "#eee");
    out += svg::text(kLeft - 8, scale.y(y) + 4, format_number(y, digits_of(scale.y_step)), Anchor::End);
  }
  for (double x : ratio_ticks(scale)) {
    out += line(scale.x(x), kTop, scale.x(x), kBottom, "#eee");
    out += svg::text(scale.x(x), kBottom + 18, svg::number(x), Anchor::Middle);
  }
  out += line(kLeft, kBottom, kRight, kBottom, "#999") + line(kLeft, kTop, kLeft, kBottom, "#999");
  out += svg::text((kLeft + kRight) / 2, kBottom + 40, curve.x_name, Anchor::Middle);
  const double middle = (kTop + kBottom) / 2;
  return out + svg::text(18, middle, curve.y_name, Anchor::Middle,
                         attributes("transform", concat("rotate(-90 18 ", svg::number(middle), ")")));
}

}  // namespace

std::string curve_svg(const Curve& curve) {
  Scale scale;
  const bool has_reference = curve.reference && drawable(*curve.reference);
  if (has_reference) scale.include(*curve.reference);
  std::vector<CurveSeries> drawn = curve.series;
  for (CurveSeries& series : drawn) {
    std::erase_if(series.points, [](const CurvePoint& point) { return !drawable(point); });
    for (const CurvePoint& point : series.points) scale.include(point);
  }
  scale.widen();

  std::string out =
      svg::text(16, 28, curve.title, Anchor::Start, " font-size=\"16\" font-weight=\"600\"") + axes(curve, scale);
  double legend_y = kLegendTop;
  const auto entry = [&](const std::string& symbol, const std::string& name) {
    out += symbol + svg::text(kLeft + 24, legend_y + 4, name);
    legend_y += kLegendLine;
  };
  if (has_reference) {
    const CurvePoint& point = *curve.reference;
    const std::string dashed = " stroke=\"#000\" stroke-dasharray=\"4 4\" opacity=\"0.35\"";
    const double x = scale.x(point.x), y = scale.y(point.y);
    out += element("line", attributes("x1", kLeft, "y1", y, "x2", kRight, "y2", y) + dashed);
    out += element("line", attributes("x1", x, "y1", kTop, "x2", x, "y2", kBottom) + dashed);
  }
  // Whiskers below all markers, labels above all.
  std::string lines, markers, labels;
  for (size_t s = 0; s < drawn.size(); ++s) {
    const char* colour = kColours[s % kColours.size()];
    std::string path;
    for (const CurvePoint& point : drawn[s].points) {
      const double x = scale.x(point.x), y = scale.y(point.y);
      path += concat(path.empty() ? "" : " ", svg::number(x), ",", svg::number(y));
      lines += whiskers(point, scale, colour);
      markers += marker(s, x, y, tooltip(drawn[s].name, curve, point));
      if (!point.label.empty())
        labels += svg::text(
            x + 9, y - 7, point.label, Anchor::Start,
            attributes("font-size", 11, "fill", colour, "stroke", "#fff", "stroke-width", 3, "paint-order", "stroke"));
    }
    if (drawn[s].points.size() > 1)
      lines += element("polyline", attributes("points", path, "fill", "none", "stroke", colour, "stroke-width", 2));
    entry(marker(s, kLeft + 8, legend_y, ""), drawn[s].name);
  }
  if (has_reference) {
    const CurvePoint& point = *curve.reference;
    lines += whiskers(point, scale, "#000");
    markers += ring(scale.x(point.x), scale.y(point.y), tooltip(point.label, curve, point));
    entry(ring(kLeft + 8, legend_y, ""), point.label);
  }
  return svg::document(kWidth, legend_y + 8, curve.title, out + lines + markers + labels);
}

}  // namespace limpid
