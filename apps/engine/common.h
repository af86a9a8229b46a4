#pragma once

#include "apps/options.h"
#include "apps/terminal.h"
#include "limpid/core/json.h"
#include "limpid/core/number_text.h"
#include "limpid/decoding/detoxifier.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/model_sampling.h"
#include "limpid/decoding/prompts.h"
#include "limpid/methods/detox_stack.h"
#include "limpid/methods/provenance.h"
#include "limpid/models/named_model.h"

/// Headers and helpers of most engine commands.
namespace limpid::apps {

inline std::shared_ptr<Model> open_model_for(const ModelOptions& options) {
  return open_named_model(options.model, options.precision, options.kv_cache);
}

/// Notes how a model keeps keys and values among the settings that results are kept with, where it is not as usual.
inline void note_kv_cache(const Model& model, Json& settings) {
  if (model.kv_cache() != CacheType::F32) settings["kv_cache"] = name(model.kv_cache());
}

/// Returns how answers are sampled: as given, and else as the model asks, which is told; `plain` leaves its wishes
/// alone.
inline SamplingOptions chat_sampling(const Model& model, const SamplingChoices& given, uint64_t seed, bool plain) {
  const SamplingChoices asked = plain ? SamplingChoices() : left_open(given, model_sampling(model.config()));
  if (const std::string text = describe(asked); !text.empty()) terminal().info("sampling as the model asks: " + text);
  return sampling_options(given, seed, asked);
}

}  // namespace limpid::apps
