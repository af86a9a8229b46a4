#include "limpid/decoding/detoxifier.h"
#include "limpid/decoding/logits.h"
#include "limpid/methods/fusion/fusion.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/other_methods.h"

namespace limpid {
namespace {

class MaskSession final : public Session {
 public:
  void logits(const Step& step, Tensor& z) override {
    parallel_rows(step, z, [&](size_t r, std::span<float> row) { mask_implausible(step.strengths[r], row); });
  }
};

}  // namespace

std::shared_ptr<Detoxifier> MaskControl::load(const MethodOptions&) {
  return std::make_shared<Detoxifier>("control/mask", *info.strength.usual, info.strength.range,
                                      [](const Model&) { return std::make_unique<MaskSession>(); });
}

std::shared_ptr<Detoxifier> TemperatureControl::load(const MethodOptions&) {
  return std::make_shared<fusion::FusionDetoxifier>(
      fusion::FusionParts{fusion::Readout::Temperature, nullptr, nullptr, {}}, info.strength.usual);
}

}  // namespace limpid
