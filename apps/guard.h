#pragma once

#include <cstdio>
#include <exception>

#include "apps/terminal.h"

namespace limpid::apps {

/// What the command line asks for cannot be, as a command finds: the program ends as for a slip in an option.
struct UsageError : ConfigError {
  using ConfigError::ConfigError;
};

/// Runs `work` and turns an exception into one line on standard error and an exit code: 1 the run failed, 2 the command
/// line is wrong, 130, 143 or 129 it was asked to stop by Ctrl-C, SIGTERM or SIGHUP.
template <class Work>
int guarded(Work work) {
  const auto say = [](const std::exception& error) {
    terminal().end_line();
    std::fprintf(stderr, "limpid: %s\n", reason_of(error).c_str());
  };
  try {
    return work();
  } catch (const Interrupted& error) {
    say(error);
    return Terminal::stopped_code();
  } catch (const UsageError& error) {
    say(error);
    return 2;
  } catch (const std::exception& error) {
    say(error);
    return 1;
  }
}

}  // namespace limpid::apps
