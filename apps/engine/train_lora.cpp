#include "apps/engine/commands.h"
#include "apps/engine/train_text.h"
#include "apps/terminal.h"

namespace limpid::apps {

int run_train_lora(const TrainLoraOptions& options) {
  LoraOptions train;
  fill(train, options);
  say(train_lora(train, terminal()), options.output);
  return 0;
}

}  // namespace limpid::apps
