#include <iostream>

#include "apps/commands.h"
#include "limpid/checkpoints/model_store.h"

namespace limpid::apps {

int run_models(const ModelsOptions& options) {
  std::cout << "";
  return 0;
}

}  // namespace limpid::apps
