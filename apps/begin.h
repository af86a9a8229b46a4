#pragma once

#include "apps/options.h"
#include "apps/terminal.h"
#include "limpid/checkpoints/known_settings.h"
#include "limpid/core/warnings.h"

namespace limpid::apps {

/// Sets what the options that all commands share say about this half of the program, before a command runs.
inline void begin(const CommonOptions& options) {
  terminal().set_quiet(options.quiet);
  listen_to_warnings([](const std::string& message) { terminal().warning(message); });
  ignore_settings(options.ignored_settings);
}

}  // namespace limpid::apps
