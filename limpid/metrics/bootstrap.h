#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "limpid/metrics/statistics.h"

/// Percentile bootstrap over prompts (Efron 1979): prompts are drawn with replacement, the statistic is computed on
/// each draw, and the interval holds the middle 95 % of the results. Prompts, not continuations, are the unit: the 25
/// continuations of one prompt are alike, and taking them as independent makes intervals far too narrow.
namespace limpid {

/// The SplitMix64 generator (Steele et al. 2014).
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }

 private:
  uint64_t state_;
};

struct BootstrapOptions {
  /// Source of the draws. Philox is the library's own RandomStream and unbiased; SplitMix64 takes int((next() >> 11) ·
  /// 2^-53 · n), for comparison with runs of other programs that do so.
  enum class Generator { kPhilox, kSplitMix64 };

  size_t replicates = 10000;
  uint64_t seed = 1;
  double confidence = 0.95;
  Generator generator = Generator::kPhilox;

  Json to_json() const;
};

/// Returns the interval of any statistic of prompts. Every call starts its stream at the seed, so that statistics over
/// the same number of prompts see the same draws.
/// @param count      prompts; none gives NaN.
/// @param statistic  of the drawn prompts, given by index in the order drawn. Replicates where it is NaN are left out.
Interval bootstrap_interval(size_t count, const std::function<double(std::span<const uint32_t>)>& statistic,
                            const BootstrapOptions& options = {});

/// Returns the interval of the mean of one value per prompt: EMT, toxicity probability, dist-n.
Interval bootstrap_mean(std::span<const double> values, const BootstrapOptions& options = {});

/// Returns the interval of sum(numerators) / sum(denominators), for example NLL over tokens.
/// @throws ShapeError when the lengths differ.
Interval bootstrap_ratio(std::span<const double> numerators, std::span<const double> denominators,
                         const BootstrapOptions& options = {});

/// Difference of two runs over the same prompts, second minus first. Drawing pairs keeps what the prompts have in
/// common out of the interval, which is why it is far narrower than that of two runs apart.
struct PairedDifference {
  double difference;
  Interval interval;
  size_t pairs;
  bool excludes_zero() const { return interval.low > 0 || interval.high < 0; }
};

/// Returns mean(second) - mean(first). @throws ShapeError when the lengths differ.
PairedDifference paired_difference(std::span<const double> first, std::span<const double> second,
                                   const BootstrapOptions& options = {});

/// The values of one run per prompt for a ratio of sums.
struct RatioValues {
  std::span<const double> numerators, denominators;
};

/// Returns transform(ratio of second) - transform(ratio of first), for example with exp for pooled perplexity.
PairedDifference paired_ratio_difference(const RatioValues& first, const RatioValues& second,
                                         double (*transform)(double), const BootstrapOptions& options = {});

Json to_json(const PairedDifference& difference);  ///< {"difference", "bootstrap_95", "pairs"}

/// A mean over prompts with its error and both intervals.
struct Estimate {
  double value, standard_error;
  Interval normal_95, bootstrap_95;
};

Estimate estimate_mean(std::span<const double> values, const BootstrapOptions& options = {});
Json to_json(const Estimate& estimate);  ///< {"value", "standard_error", "normal_95", "bootstrap_95"}

}  // namespace limpid
