#pragma once

#include "apps/options.h"
#include "limpid/training/lora.h"

namespace limpid::apps {

/// From the flags that training commands share; in all processes but the first, messages stop.
void fill(TextRunOptions& run, const TextTrainingFlags& flags);
void fill(LoraOptions& run, const TrainLoraOptions& flags);

/// One line about how it went, with the peak of memory.
void say(const TrainingReport& report, const std::string& output);

}  // namespace limpid::apps
