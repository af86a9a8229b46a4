#include "apps/engine/commands.h"
#include "limpid/core/error.h"
namespace limpid::apps { int run_train_scorer(const TrainScorerOptions&) { throw ConfigError("not yet"); } }
