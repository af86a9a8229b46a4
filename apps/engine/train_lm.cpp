#include "apps/engine/commands.h"
#include "apps/engine/train_text.h"
#include "apps/terminal.h"
#include "limpid/training/fine_tuning.h"

namespace limpid::apps {

int run_train_lm(const TrainLmOptions& options) {
  FineTuningOptions train;
  fill(train, options);
  train.init = options.init;
  train.tokenizer = options.tokenizer;
  train.freeze_embeddings = options.freeze_embeddings;
  say(fine_tune(train, terminal()), options.output);
  return 0;
}

}  // namespace limpid::apps
