#pragma once

#include <string>
#include <vector>

/// A matrix as colours.
namespace limpid {

struct HeatMap {
  std::string title, note;                        ///< above the map; the note in small letters
  std::string row_name, column_name, value_name;  ///< "layer", "head", "probe accuracy"
  size_t rows = 0, columns = 0;
  std::vector<double> values;       ///< [rows, columns]; what is not finite is drawn grey
  double low = 0.0, high = 1.0;     ///< ends of the colour scale; values beyond them take its end colours
  std::string low_note, high_note;  ///< what the ends mean, for the legend; may be empty
};

/// Returns "#rrggbb" of a share of the way from low to high: from pale yellow over green to dark blue, growing darker
/// all the way, so that it is also read in grey and with every kind of colour blindness (YlGnBu; Harrower & Brewer
/// 2003, ColorBrewer.org).
std::string heat_colour(double share);

/// Draws rows from the top, row 0 first; columns from the left; a tooltip for each cell; a legend with numbers.
/// @throws ShapeError when `values` has not rows * columns numbers or there are none; ConfigError when low is not below
/// high.
std::string heat_map_svg(const HeatMap& map);

}  // namespace limpid
