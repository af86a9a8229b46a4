#include "apps/engine/common.h"

#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/model_store.h"
#include "limpid/data/text_data.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"

namespace limpid::apps {

std::shared_ptr<Model> open_model_for(const ModelOptions& options) {
  return open_named_model(options.model, options.precision);
}

SamplingOptions sampling_options(const SamplingFlags& flags) {
  SamplingOptions options;
  options.greedy = flags.greedy || flags.temperature == 0.0;
  options.temperature = float(flags.temperature);
  options.top_k = flags.top_k;
  options.top_p = float(flags.top_p);
  options.min_p = float(flags.min_p);
  options.typical_p = float(flags.typical_p);
  options.repetition_penalty = float(flags.repetition_penalty);
  options.seed = flags.seed;
  options.check();
  return options;
}

std::string percent(double share) { return concat(std::round(share * 1000.0) / 10.0, " %"); }

}  // namespace limpid::apps
