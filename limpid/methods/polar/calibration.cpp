#include "limpid/methods/polar/calibration.h"

#include "limpid/metrics/statistics.h"

namespace limpid::polar {

Calibration calibration_of(std::span<const double> risks, std::span<const int> wrong, size_t bins) {
  constexpr double kLeast = 1e-8;
  LIMPID_CHECK(risks.size() == wrong.size(), ShapeError, "[polar] ", risks.size(), " risk scores of ", wrong.size(),
               " answers");
  std::vector<double> kept, of_wrong, of_right;
  std::vector<int> outcomes;
  for (size_t i = 0; i < risks.size(); ++i) {
    (wrong[i] ? of_wrong : of_right).push_back(risks[i]);
    if (!(risks[i] >= kLeast)) continue;
    kept.push_back(risks[i]);
    outcomes.push_back(wrong[i]);
  }
  return {reliability_bins(kept, outcomes, bins), calibration_error(kept, outcomes, bins),
          mean(of_wrong) - mean(of_right)};
}

Json to_json(const Calibration& calibration) {
  Json bins = Json::array();
  for (const ReliabilityBin& bin : calibration.bins)
    bins.push_back({{"count", bin.count}, {"risk", bin.confidence}, {"wrong", bin.hits}});
  return {{"ece", number_or_null(calibration.error)},
          {"wrong_minus_right", number_or_null(calibration.wrong_minus_right)},
          {"bins", bins}};
}

}  // namespace limpid::polar
