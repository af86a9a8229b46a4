#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "limpid/core/json.h"

/// Means, errors and intervals over prompts, taken as independent draws. Undefined values are NaN, in JSON null.
namespace limpid {

inline constexpr double kNormalQuantile95 = 1.959963984540054;  ///< of the normal distribution at 0.975
inline constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

struct Interval {
  double low, high;
};

/// Returns the sum in the order given, over n; NaN for no values.
double mean(std::span<const double> values);

/// Returns the standard error of the mean: sd with n - 1, over sqrt(n); NaN for fewer than two values.
double standard_error(std::span<const double> values);

/// Returns the percentile with linear interpolation between order statistics (numpy's default); NaN for no values.
/// @param sorted  ascending. @param percent  0 to 100.
double percentile(std::span<const double> sorted, double percent);

/// Returns mean ± quantile · error. Not cut to [0, 1].
Interval normal_interval(double mean, double error, double quantile = kNormalQuantile95);

/// Returns Wilson's score interval for a share of `successes` among `trials`; NaN for no trials. Wilson 1927.
Interval wilson_interval(size_t successes, size_t trials, double quantile = kNormalQuantile95);

Json number_or_null(double value);       ///< JSON has no NaN and no infinity
Json to_json(const Interval& interval);  ///< [low, high]

}  // namespace limpid
