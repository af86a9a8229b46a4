#include "apps/engine/commands.h"
#include "apps/engine/train_text.h"
#include "limpid/training/lora.h"

namespace limpid::apps {

int run_train_lora(const TrainLoraOptions& options) {
  LoraOptions train;
  fill(train, options);
  train.adapter = {.rank = options.rank, .alpha = options.alpha, .dropout = options.dropout, .rank_stabilised = options.rank_stabilised,
                   .target_modules = options.target_modules};
  train.merge = options.merge;
  say(train_lora(train), options.output);
  return 0;
}

}  // namespace limpid::apps
