#pragma once

#include "limpid/methods/method_info.h"

namespace limpid::dexperts {

/// DExperts (arXiv:2105.03023), proxy tuning and contrastive decoding in the table of methods.
struct DexpertsMethod {
  static constexpr const char* kMasks[] = {"nucleus", "plausibility", "none"};  // in the order of TokenMask::Kind
  static constexpr const char* kExperts[] = {"none"};
  static constexpr Range kLevels{.least = 0.0, .most = 1.0, .without_least = true};

  static constexpr OptionInfo options[] = {
      OptionInfo::choice("mask", kMasks, "which tokens the target itself lets through"),
      OptionInfo::number("level", kLevels, "the nucleus's mass, or the least share of the best token's probability"),
      OptionInfo::choice("expert", kExperts, "leaves an expert out")};
  static constexpr MethodInfo info{
      "dexperts", options, {2.0f, {}, "alpha: how much of the experts' difference in logits is added"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

}  // namespace limpid::dexperts
