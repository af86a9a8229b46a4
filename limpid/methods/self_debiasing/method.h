#pragma once

#include "limpid/methods/method_info.h"

namespace limpid::self_debiasing {

/// Self-debiasing (arXiv:2103.00453) in the table of methods.
struct SelfDebiasingMethod {
  static constexpr Range kEpsilons{.least = 0.0, .most = 1.0, .without_least = true};

  static constexpr MethodInfo info{
      "self-debiasing",
      {},
      {50.0f, {}, "lambda: nats taken from a token for each unit of probability that it gains behind a description"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

}  // namespace limpid::self_debiasing
