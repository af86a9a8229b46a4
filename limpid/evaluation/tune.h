#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

/// Which strength keeps to a fluency budget, or reaches a toxicity aim: a bracketed search over measured ratios.
namespace limpid {

/// The condition "ratio <= limit", where ratio is a metric of the detoxified model over that of plain.
struct TuneTarget {
  enum class Kind {
    Budget,  ///< the ratio grows with the strength, and as much strength as the limit allows is wanted: perplexity
    Aim,     ///< the ratio falls with the strength, and as little strength as reaches the limit is wanted: toxicity
  };
  Kind kind = Kind::Budget;
  std::string metric;  ///< ppl (pooled); emt or mean (toxicity)
  double limit = 1.0;

  /// Reads "ppl=1.05". @throws ConfigError.
  static TuneTarget budget(const std::string& text);
  /// Reads "emt=0.67" or "mean=0.5", below 1. @throws ConfigError.
  static TuneTarget aim(const std::string& text);
  bool met_by(double ratio) const { return ratio <= limit; }  ///< NaN meets nothing
  std::string text() const;                                   ///< "ppl <= 1.05 of plain"
};

struct TuneOptions {
  double start = 1.0;                                        ///< first strength; above 0
  double largest = std::numeric_limits<double>::infinity();  ///< largest strength that is tried
  double tolerance = 0.02;  ///< a ratio that meets the limit and lies this near to it is good enough
  double narrow = 1.05;     ///< a bracket whose ends have this ratio is good enough
  int64_t max_steps = 8;    ///< measurements
};

struct TunePoint {
  double strength, ratio;
};

struct TuneResult {
  std::optional<double> strength;  ///< the largest (budget) or smallest (aim) measured that meets the target
  std::vector<TunePoint> curve;    ///< all that was measured, by strength
  bool monotone = true;            ///< the ratio never moves against its direction by more than the tolerance
};

/// Doubles or halves the strength from the start until the target is met on one side and missed on the other, or the
/// range or the steps end; then a secant on the logarithm of the strength, kept within the inner 80 % of the bracket,
/// which it narrows, and rounded to three digits.
/// @param measure  ratio at a strength; called once for each
TuneResult tune_strength(const std::function<double(double strength)>& measure, const TuneTarget& target,
                         const TuneOptions& options = {});

/// Returns what was tried and what came closest, for a search that found nothing:
/// "0.2 (1.31), 0.1 (1.22); closest is 0.1 with 1.22".
std::string describe_failure(const TuneResult& result);

}  // namespace limpid
