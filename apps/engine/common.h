#pragma once

#include "apps/options.h"
#include "apps/terminal.h"
#include "limpid/core/json.h"
#include "limpid/core/number_text.h"
#include "limpid/decoding/detoxifier.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/prompts.h"
#include "limpid/methods/detox_stack.h"
#include "limpid/methods/provenance.h"
#include "limpid/models/named_model.h"

/// Headers and helpers of most engine commands.
namespace limpid::apps {

inline std::shared_ptr<Model> open_model_for(const ModelOptions& options) {
  return open_named_model(options.model, options.precision);
}

}  // namespace limpid::apps
