#include "apps/engine/commands.h"
#include "apps/engine/train_text.h"

namespace limpid::apps {

int run_train_lora(const TrainLoraOptions& options) {
  LoraOptions train;
  fill(train, options);
  say(train_lora(train), options.output);
  return 0;
}

}  // namespace limpid::apps
