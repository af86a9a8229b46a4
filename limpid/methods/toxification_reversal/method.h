#pragma once

#include "limpid/methods/method_info.h"

namespace limpid::toxification_reversal {

/// Toxification reversal (arXiv:2310.09573) in the table of methods.
struct ReversalMethod {
  static constexpr Range kExponents{.least = 0.0};

  static constexpr MethodInfo info{
      "toxification-reversal",
      {},
      {1.0f, {}, "factor on what the toxic description does to the heads; 1 is the paper's"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

}  // namespace limpid::toxification_reversal
