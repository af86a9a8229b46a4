#include "apps/engine/commands.h"
#include "apps/engine/train_text.h"
#include "apps/terminal.h"
#include "limpid/training/calibrator.h"

namespace limpid::apps {

int run_train_calibrator(const TrainCalibratorOptions& options) {
  CalibratorOptions train;
  fill(train, options);
  train.layers = options.layers;
  train.train_embeddings = options.train_embeddings;
  say(train_calibrator(train, terminal()), options.output);
  return 0;
}

}  // namespace limpid::apps
