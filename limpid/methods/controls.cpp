#include "limpid/methods/controls.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "limpid/decoding/detoxifier.h"
#include "limpid/methods/fusion/fusion.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/other_methods.h"

namespace limpid {
namespace {

class MaskSession final : public Session {
 public:
  void logits(const Step& step, Tensor& z) override {
    z = z.contiguous();
    const size_t V = size_t(z.size(1));
    for (size_t r = 0; r < step.rows.size(); ++r)
      mask_implausible(step.strengths[r], {z.mutable_data_ptr<float>() + r * V, V});
  }
};

}  // namespace

std::shared_ptr<Detoxifier> MaskControl::load(const MethodOptions&) {
  return std::make_shared<Detoxifier>("control/mask", *info.strength.usual, info.strength.range,
                                      [](const Model&) { return std::make_unique<MaskSession>(); });
}

std::shared_ptr<Detoxifier> TemperatureControl::load(const MethodOptions&) {
  return std::make_shared<FusionDetoxifier>(FusionParts{Readout::Temperature, nullptr, nullptr, {}},
                                            info.strength.usual);
}

void mask_implausible(double share, std::span<float> z) {
  const double least = double(*std::max_element(z.begin(), z.end())) + std::log(share);
  for (float& value : z)
    if (!(double(value) >= least)) value = -std::numeric_limits<float>::infinity();
}

}  // namespace limpid
