#pragma once

#include "limpid/methods/method_info.h"

namespace limpid::recipe {

/// Several detoxifiers with tuned strengths behind one dial, in the table of methods. `limpid detox` makes it.
struct RecipeMethod {
  static constexpr MethodInfo info{
      "recipe", {}, {1.0f, {0.0, 2.0}, "dial: every part at so many times its tuned strength"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

}  // namespace limpid::recipe
