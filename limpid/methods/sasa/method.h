#pragma once

#include "limpid/methods/method_info.h"
#include "limpid/methods/sasa/options.h"

namespace limpid::sasa {

/// Self-disciplined autoregressive sampling (arXiv:2410.03818) in the table of methods.
struct SasaMethod {
  static constexpr OptionInfo options[] = {
      OptionInfo::integer("candidates", {.least = 1.0}, "tokens that the target reads on with, at most"),
      OptionInfo::choice("variant", kSasaRules,
                         "margins are added and other tokens excluded, or their softmax and nothing is excluded")};
  static constexpr MethodInfo info{"sasa", options, {{}, {}, "beta: nats for each unit of margin"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

}  // namespace limpid::sasa
