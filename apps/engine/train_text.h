#pragma once

#include "apps/options.h"
#include "limpid/training/text_run.h"

namespace limpid::apps {

/// From the flags that training commands share; in all processes but the first, messages stop.
void fill(TextRunOptions& run, const TextTrainingFlags& flags);

/// One line about how it went, with the peak of memory.
void say(const TrainingReport& report, const std::string& output);

}  // namespace limpid::apps
