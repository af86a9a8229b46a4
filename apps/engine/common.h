#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/options.h"
#include "limpid/core/json.h"
#include "limpid/decoding/detoxifier.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/prompts.h"
#include "limpid/methods/detox_stack.h"
#include "limpid/methods/provenance.h"
#include "limpid/models/named_model.h"

/// What several engine commands do alike.
namespace limpid::apps {

std::shared_ptr<Model> open_model_for(const ModelOptions& options);

SamplingOptions sampling_options(const SamplingFlags& flags);

std::string percent(double share);  ///< "12.5 %"
}  // namespace limpid::apps
