#include "limpid/methods/controls.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/fusion/fusion.h"

namespace limpid {
namespace {

constexpr float kDefaultMask = 0.1f;  // alpha of contrastive decoding

void check_mask(float share) {
  LIMPID_CHECK(share > 0.0f && share <= 1.0f, ConfigError, "[detoxifier] control:mask: strength ", share,
               ", expected above 0 and up to 1");
}

class MaskSession final : public Session {
 public:
  void logits(const Step& step, Tensor& z) override {
    z = z.contiguous();
    const size_t V = size_t(z.size(1));
    for (size_t r = 0; r < step.rows.size(); ++r) {
      check_mask(step.strengths[r]);
      mask_implausible(step.strengths[r], {z.mutable_data_ptr<float>() + r * V, V});
    }
  }
};

class MaskControl final : public Detoxifier {
 public:
  std::unique_ptr<Session> open(const Model&) const override { return std::make_unique<MaskSession>(); }
  float default_strength() const override { return kDefaultMask; }
  std::string name() const override { return "control/mask"; }
};

std::shared_ptr<Detoxifier> mask_control(const DetoxSpec& spec) {
  if (spec.strength && *spec.strength != 0.0f) check_mask(*spec.strength);
  return std::make_shared<MaskControl>();
}

std::shared_ptr<Detoxifier> temperature_control(const DetoxSpec& spec) {
  if (spec.strength) check_strength(Readout::Temperature, *spec.strength);
  return std::make_shared<FusionDetoxifier>(FusionParts{Readout::Temperature, nullptr, nullptr, {}});
}

}  // namespace

const std::map<std::string, ControlMaker>& controls() {
  static const std::map<std::string, ControlMaker> table = {{"control:mask", mask_control},
                                                            {"control:temperature", temperature_control}};
  return table;
}

void mask_implausible(double share, std::span<float> z) {
  const double least = double(*std::max_element(z.begin(), z.end())) + std::log(share);
  for (float& value : z)
    if (!(double(value) >= least)) value = -std::numeric_limits<float>::infinity();
}

}  // namespace limpid
