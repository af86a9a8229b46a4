#include "limpid/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "limpid/core/random.h"
#include "limpid/metrics/statistics.h"

namespace limpid {
namespace {

constexpr size_t kMaxReplicates = 10'000'000;

void check_same_length(size_t first, size_t second) {
  LIMPID_CHECK(first == second, ShapeError, "[bootstrap] ", first, " values on one side, ", second,
               " on the other, expected the same prompts on both");
}

/// Fills `drawn` with `draw()` below `count`, computes the statistic, and so on for every replicate.
template <class Draw>
std::vector<double> replicate(std::vector<uint32_t>& drawn,
                              const std::function<double(std::span<const uint32_t>)>& statistic, size_t replicates,
                              Draw draw) {
  std::vector<double> results;
  results.reserve(replicates);
  for (size_t r = 0; r < replicates; ++r) {
    for (uint32_t& index : drawn) index = draw();
    const double value = statistic(drawn);
    if (!std::isnan(value)) results.push_back(value);
  }
  return results;
}

/// Draws an unbiased number below `bound` from single words (Lemire 2019): a report draws some 10^8 indices, and two
/// divisions each would be most of its time.
uint32_t draw_below(RandomStream& stream, uint32_t bound) {
  for (;;) {
    const uint64_t product = uint64_t(stream.next_u32()) * bound;
    const uint32_t low = uint32_t(product);
    if (low >= bound || low >= (0u - bound) % bound) return uint32_t(product >> 32);  // the division is rarely reached
  }
}

double ratio_of_sums(const RatioValues& values, std::span<const uint32_t> drawn) {
  double above = 0, below = 0;
  for (uint32_t i : drawn) above += values.numerators[i], below += values.denominators[i];
  return above / below;  // 0 / 0 is NaN, which the caller leaves out
}

double identity(double value) { return value; }

double whole_ratio(const RatioValues& values) {
  double above = 0, below = 0;
  for (size_t i = 0; i < values.numerators.size(); ++i) above += values.numerators[i], below += values.denominators[i];
  return above / below;
}

}  // namespace

Json BootstrapOptions::to_json() const {
  return {{"replicates", replicates},
          {"seed", seed},
          {"confidence", confidence},
          {"generator", generator == Generator::kPhilox ? "philox4x32-10" : "splitmix64"}};
}

Interval bootstrap_interval(size_t count, const std::function<double(std::span<const uint32_t>)>& statistic,
                            const BootstrapOptions& options) {
  LIMPID_CHECK(options.confidence > 0 && options.confidence < 1, ConfigError, "[bootstrap] confidence is ",
               options.confidence, ", expected between 0 and 1");
  LIMPID_CHECK(options.replicates >= 1 && options.replicates <= kMaxReplicates, ConfigError,
               "[bootstrap] replicates are ", options.replicates, ", expected 1 to ", kMaxReplicates);
  LIMPID_CHECK(count <= UINT32_MAX, ConfigError, "[bootstrap] ", count, " prompts are too many");
  if (count == 0) return {kUndefined, kUndefined};
  std::vector<uint32_t> drawn(count);
  std::vector<double> results;
  if (options.generator == BootstrapOptions::Generator::kSplitMix64) {
    SplitMix64 stream(options.seed);
    results = replicate(drawn, statistic, options.replicates,
                        [&] { return uint32_t(double(stream.next() >> 11) * 0x1p-53 * double(count)); });
  } else {
    RandomStream stream(options.seed);
    results = replicate(drawn, statistic, options.replicates, [&] { return draw_below(stream, uint32_t(count)); });
  }
  std::sort(results.begin(), results.end());
  const double tail = 50 * (1 - options.confidence);
  return {percentile(results, tail), percentile(results, 100 - tail)};
}

Interval bootstrap_mean(std::span<const double> values, const BootstrapOptions& options) {
  return bootstrap_interval(
      values.size(),
      [&](std::span<const uint32_t> drawn) {
        double sum = 0;
        for (uint32_t i : drawn) sum += values[i];
        return sum / double(drawn.size());
      },
      options);
}

Interval bootstrap_ratio(std::span<const double> numerators, std::span<const double> denominators,
                         const BootstrapOptions& options) {
  check_same_length(numerators.size(), denominators.size());
  const RatioValues values{numerators, denominators};
  return bootstrap_interval(
      numerators.size(), [&](std::span<const uint32_t> drawn) { return ratio_of_sums(values, drawn); }, options);
}

PairedDifference paired_difference(std::span<const double> first, std::span<const double> second,
                                   const BootstrapOptions& options) {
  check_same_length(first.size(), second.size());
  std::vector<double> differences(first.size());
  for (size_t i = 0; i < first.size(); ++i) differences[i] = second[i] - first[i];
  return {mean(differences), bootstrap_mean(differences, options), differences.size()};
}

PairedDifference paired_ratio_difference(const RatioValues& first, const RatioValues& second,
                                         double (*transform)(double), const BootstrapOptions& options) {
  check_same_length(first.numerators.size(), first.denominators.size());
  check_same_length(second.numerators.size(), second.denominators.size());
  check_same_length(first.numerators.size(), second.numerators.size());
  if (!transform) transform = identity;
  const Interval interval = bootstrap_interval(
      first.numerators.size(),
      [&](std::span<const uint32_t> drawn) {
        return transform(ratio_of_sums(second, drawn)) - transform(ratio_of_sums(first, drawn));
      },
      options);
  return {transform(whole_ratio(second)) - transform(whole_ratio(first)), interval, first.numerators.size()};
}

Json to_json(const PairedDifference& difference) {
  return {{"difference", number_or_null(difference.difference)},
          {"bootstrap_95", to_json(difference.interval)},
          {"pairs", difference.pairs}};
}

Estimate estimate_mean(std::span<const double> values, const BootstrapOptions& options) {
  const double value = mean(values), error = standard_error(values);
  return {value, error, normal_interval(value, error), bootstrap_mean(values, options)};
}

Json to_json(const Estimate& estimate) {
  return {{"value", number_or_null(estimate.value)},
          {"standard_error", number_or_null(estimate.standard_error)},
          {"normal_95", to_json(estimate.normal_95)},
          {"bootstrap_95", to_json(estimate.bootstrap_95)}};
}

}  // namespace limpid
