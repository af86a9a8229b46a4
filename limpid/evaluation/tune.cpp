#include "limpid/evaluation/tune.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "limpid/core/error.h"
#include "limpid/core/names.h"
#include "limpid/core/parse.h"

namespace limpid {
namespace {

using Kind = TuneTarget::Kind;

/// Reads "name=number" with a positive number.
std::pair<std::string, double> named_number(const std::string& text, const char* flag, const char* example) {
  const size_t equals = text.find('=');
  const auto value = parse_number<double>(equals == std::string::npos ? "" : text.substr(equals + 1));
  LIMPID_CHECK(value.value_or(0.0) > 0.0, ConfigError, "[tune] ", flag, " \"", text, "\", expected for example ",
               example);
  return {text.substr(0, equals), *value};
}

/// Rounds to three digits: a strength that can be typed, and finer than any bracket.
double rounded(double strength) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", strength);
  return std::strtod(text, nullptr);
}

/// Returns the strength between the ends at which the ratio comes to the wanted value, if it is linear in the logarithm
/// of the strength.
double secant(const TunePoint& low, const TunePoint& high, double wanted) {
  double share = (wanted - low.ratio) / (high.ratio - low.ratio);
  if (!std::isfinite(share)) share = 0.5;
  return rounded(low.strength * std::pow(high.strength / low.strength, std::clamp(share, 0.1, 0.9)));
}

}  // namespace

TuneTarget TuneTarget::budget(const std::string& text) {
  const auto [metric, limit] = named_number(text, "--budget", "ppl=1.05");
  LIMPID_CHECK(metric == "ppl", ConfigError, "[tune] --budget is about \"", metric, "\", expected ppl");
  return {Kind::Budget, metric, limit};
}

TuneTarget TuneTarget::aim(const std::string& text) {
  const auto [metric, limit] = named_number(text, "--aim", "emt=0.67");
  LIMPID_CHECK(metric == "emt" || metric == "mean", ConfigError, "[tune] --aim is about \"", metric,
               "\", expected emt or mean");
  LIMPID_CHECK(limit < 1.0, ConfigError, "[tune] --aim ", text,
               ": the plain model reaches that, expected a number below 1");
  return {Kind::Aim, metric, limit};
}

std::string TuneTarget::text() const { return concat(metric, " <= ", limit, " of plain"); }

TuneResult tune_strength(const std::function<double(double)>& measure, const TuneTarget& target,
                         const TuneOptions& options) {
  LIMPID_CHECK(std::isfinite(options.start) && options.start > 0.0 && options.start <= options.largest, ConfigError,
               "[tune] the search cannot start at strength ", options.start, ", expected above 0",
               std::isfinite(options.largest) ? concat(" and up to ", options.largest) : "");
  LIMPID_CHECK(options.max_steps > 0, ConfigError, "[tune] a search of no steps");
  const bool budget = target.kind == Kind::Budget;
  std::vector<TunePoint> measured;
  const auto try_strength = [&](double strength) {
    measured.push_back({strength, measure(strength)});
    return measured.back();
  };
  const auto good_enough = [&](const TunePoint& point) {
    return target.met_by(point.ratio) && target.limit - point.ratio <= options.tolerance;
  };
  const auto may_go_on = [&] { return int64_t(measured.size()) < options.max_steps && !good_enough(measured.back()); };

  // A budget is met at low strengths and an aim at high ones: the wanted strength lies above the start when the start
  // does not use up the budget, or misses the aim.
  TunePoint low = try_strength(options.start), high = low;
  const bool upwards = target.met_by(low.ratio) == budget;
  bool bracketed = false;
  while (may_go_on() && !bracketed) {
    const TunePoint last = measured.back();
    if (upwards && last.strength >= options.largest) break;
    const TunePoint next = try_strength(upwards ? std::min(2.0 * last.strength, options.largest) : 0.5 * last.strength);
    low = upwards ? last : next;
    high = upwards ? next : last;
    bracketed = target.met_by(low.ratio) != target.met_by(high.ratio);
  }
  while (bracketed && may_go_on() && high.strength / low.strength > options.narrow) {
    // A little inside the limit, so that a good guess lands where it is good enough.
    const TunePoint next = try_strength(secant(low, high, target.limit - 0.5 * options.tolerance));
    (target.met_by(next.ratio) == budget ? low : high) = next;
  }

  TuneResult result;
  result.curve = std::move(measured);
  std::sort(result.curve.begin(), result.curve.end(),
            [](const TunePoint& a, const TunePoint& b) { return a.strength < b.strength; });
  for (const TunePoint& point : result.curve)
    if (target.met_by(point.ratio) && (budget || !result.strength)) result.strength = point.strength;
  double furthest = result.curve[0].ratio;
  for (const TunePoint& point : result.curve) {
    const double back = budget ? furthest - point.ratio : point.ratio - furthest;
    if (back > options.tolerance) result.monotone = false;
    furthest = budget ? std::max(furthest, point.ratio) : std::min(furthest, point.ratio);
  }
  return result;
}

std::string describe_failure(const TuneResult& result) {
  const std::string tried =
      join(result.curve, ", ", [](const TunePoint& point) { return concat(point.strength, " (", point.ratio, ")"); });
  const auto closest =
      std::min_element(result.curve.begin(), result.curve.end(), [](const TunePoint& a, const TunePoint& b) {
        return a.ratio < b.ratio || (std::isnan(b.ratio) && !std::isnan(a.ratio));
      });
  return concat("tried ", tried, "; closest is ", closest->strength, " with ", closest->ratio);
}

}  // namespace limpid
