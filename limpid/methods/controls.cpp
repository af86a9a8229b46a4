#include "limpid/methods/controls.h"

#include "limpid/decoding/logits.h"
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
    parallel_rows(step, z, [&](size_t r, std::span<float> row) {
      check_mask(step.strengths[r]);
      mask_implausible(step.strengths[r], row);
    });
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

}  // namespace limpid
