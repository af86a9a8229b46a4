#include "apps/engine/commands.h"
#include "apps/engine/train_text.h"
#include "apps/terminal.h"
#include "limpid/training/contrastive_perplexity.h"

namespace limpid::apps {

int run_train_contrastive(const TrainContrastiveOptions& options) {
  ContrastiveOptions train;
  fill(train, options);
  train.loss = {contrastive_form_named(options.form), options.tau, options.negative_weight};
  say(train_contrastive_perplexity(train, terminal()), options.output);
  return 0;
}

}  // namespace limpid::apps
