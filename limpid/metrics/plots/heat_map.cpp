#include "limpid/metrics/plots/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "limpid/metrics/plots/svg.h"
#include "limpid/metrics/table.h"

namespace limpid {
namespace {

using svg::Anchor;
using svg::attributes;
using svg::element;

constexpr std::array<std::array<int, 3>, 9> kScale = {{{255, 255, 217},
                                                       {237, 248, 177},
                                                       {199, 233, 180},
                                                       {127, 205, 187},
                                                       {65, 182, 196},
                                                       {29, 145, 192},
                                                       {34, 94, 168},
                                                       {37, 52, 148},
                                                       {8, 29, 88}}};
constexpr const char* kUndefinedColour = "#ccc";
constexpr double kMapLeft = 64, kMapTop = 100, kLegend = 210;

/// Returns a round step that leaves at least `room` pixels between labels.
size_t label_step(double cell, double room) {
  for (size_t step : {1, 2, 5, 10, 20, 50, 100})
    if (double(step) * cell >= room) return step;
  return 200;
}

std::string legend(const HeatMap& map, double x, double y, double height) {
  constexpr int kStops = 9, kTicks = 5;
  constexpr double kWidth = 16;
  std::string stops, out;
  for (int i = 0; i < kStops; ++i)
    stops += element("stop", attributes("offset", i / (kStops - 1.0), "stop-color", heat_colour(i / (kStops - 1.0))));
  out += concat("<defs><linearGradient id=\"heat-scale\" x1=\"0\" y1=\"1\" x2=\"0\" y2=\"0\">", stops,
                "</linearGradient></defs>\n");
  out += svg::text(x, y - 12, map.value_name);
  out += element("rect", attributes("x", x, "y", y, "width", kWidth, "height", height, "fill", "url(#heat-scale)",
                                    "stroke", "#999", "stroke-width", 0.5));
  for (int i = 0; i <= kTicks; ++i) {
    const double share = double(i) / kTicks, tick = y + height * (1 - share);
    std::string note;
    if (i == 0) note = map.low_note;
    if (i == kTicks) note = map.high_note;
    out +=
        element("line", attributes("x1", x + kWidth, "x2", x + kWidth + 4, "y1", tick, "y2", tick, "stroke", "#999"));
    out += svg::text(x + kWidth + 8, tick + 4,
                     svg::number(map.low + share * (map.high - map.low)) + (note.empty() ? "" : "  " + note));
  }
  return out;
}

}  // namespace

std::string heat_colour(double share) {
  const double place = std::clamp(share, 0.0, 1.0) * double(kScale.size() - 1);
  const size_t lower = std::min(size_t(place), kScale.size() - 2);
  char text[8];
  std::array<int, 3> rgb;
  for (size_t c = 0; c < 3; ++c) {
    const int from = kScale[lower][c], to = kScale[lower + 1][c];
    rgb[c] = int(std::lround(from + (place - double(lower)) * (to - from)));
  }
  std::snprintf(text, sizeof text, "#%02x%02x%02x", unsigned(rgb[0]) & 255, unsigned(rgb[1]) & 255,
                unsigned(rgb[2]) & 255);
  return text;
}

std::string heat_map_svg(const HeatMap& map) {
  LIMPID_CHECK(map.rows > 0 && map.columns > 0 && map.values.size() / map.columns == map.rows &&
                   map.values.size() % map.columns == 0,
               ShapeError, "[heat map] ", map.values.size(), " values for ", map.rows, " rows of ", map.columns);
  LIMPID_CHECK(map.low < map.high, ConfigError, "[heat map] the scale goes from ", map.low, " to ", map.high);
  const double cell_width = std::clamp(560.0 / double(map.columns), 6.0, 40.0),
               cell_height = std::clamp(520.0 / double(map.rows), 6.0, 22.0);
  const double width = cell_width * double(map.columns), height = cell_height * double(map.rows);
  const double gap = std::min(cell_width, cell_height) >= 10 ? 1.0 : 0.0;  // small cells would be mostly gap
  const double legend_height = std::clamp(height, 100.0, 200.0);

  std::string out = svg::text(16, 28, map.title, Anchor::Start, " font-size=\"16\" font-weight=\"600\"");
  out += svg::text(16, 48, map.note, Anchor::Start, " fill=\"#666\"");
  out += svg::text(kMapLeft + width / 2, kMapTop - 22, map.column_name, Anchor::Middle);
  out += svg::text(20, kMapTop + height / 2, map.row_name, Anchor::Middle,
                   attributes("transform", concat("rotate(-90 20 ", svg::number(kMapTop + height / 2), ")")));
  const size_t row_step = label_step(cell_height, 16), column_step = label_step(cell_width, 24);
  for (size_t r = 0; r < map.rows; r += row_step)
    out += svg::text(kMapLeft - 8, kMapTop + (double(r) + 0.5) * cell_height + 4, std::to_string(r), Anchor::End);
  for (size_t c = 0; c < map.columns; c += column_step)
    out += svg::text(kMapLeft + (double(c) + 0.5) * cell_width, kMapTop - 6, std::to_string(c), Anchor::Middle);
  for (size_t r = 0; r < map.rows; ++r) {
    for (size_t c = 0; c < map.columns; ++c) {
      const double value = map.values[r * map.columns + c];
      const std::string colour =
          std::isfinite(value) ? heat_colour((value - map.low) / (map.high - map.low)) : kUndefinedColour;
      out += element("rect",
                     attributes("x", kMapLeft + double(c) * cell_width, "y", kMapTop + double(r) * cell_height, "width",
                                cell_width - gap, "height", cell_height - gap, "fill", colour),
                     concat(map.row_name, " ", r, ", ", map.column_name, " ", c, ": ", format_number(value, 3)));
    }
  }
  out += element("rect", attributes("x", kMapLeft - 0.5, "y", kMapTop - 0.5, "width", width - gap + 1, "height",
                                    height - gap + 1, "fill", "none", "stroke", "#999", "stroke-width", 0.5));
  out += legend(map, kMapLeft + width + 32, kMapTop, legend_height);
  return svg::document(std::max(kMapLeft + width + kLegend, 480.0), kMapTop + std::max(height, legend_height) + 24,
                       map.title, out);
}

}  // namespace limpid
