#include "limpid/metrics/statistics.h"

#include <algorithm>
#include <cmath>

namespace limpid {

double mean(std::span<const double> values) {
  if (values.empty()) return kUndefined;
  double sum = 0;
  for (double value : values) sum += value;
  return sum / double(values.size());
}

double standard_error(std::span<const double> values) {
  if (values.size() < 2) return kUndefined;
  const double centre = mean(values), n = double(values.size());
  double squares = 0;
  for (double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / (n - 1) / n);
}

double percentile(std::span<const double> sorted, double percent) {
  if (sorted.empty()) return kUndefined;
  const double place = std::clamp(percent, 0.0, 100.0) / 100 * double(sorted.size() - 1);
  const size_t below = size_t(place);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (sorted[below + 1] - sorted[below]) * (place - double(below));
}

Interval normal_interval(double mean, double error, double quantile) {
  return {mean - quantile * error, mean + quantile * error};
}

Interval wilson_interval(size_t successes, size_t trials, double quantile) {
  if (trials == 0) return {kUndefined, kUndefined};
  const double n = double(trials), p = double(successes) / n, square = quantile * quantile;
  const double centre = (p + square / (2 * n)) / (1 + square / n);
  const double half = quantile / (1 + square / n) * std::sqrt(p * (1 - p) / n + square / (4 * n * n));
  return {centre - half, centre + half};
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json to_json(const Interval& interval) {
  return Json::array({number_or_null(interval.low), number_or_null(interval.high)});
}

}  // namespace limpid
