#include "apps/faults.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "limpid/core/error.h"
#include "limpid/core/files.h"

namespace limpid::apps {
namespace {

struct sigaction handled_before;  // the program's, while the engine runs

void say(const char* text) {
  if (write(STDERR_FILENO, text, std::strlen(text)) < 0) return;  // nobody is left to tell
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  if (const char* file = mapped_file_at(info->si_addr)) {
    say("limpid: ");
    say(file);
    say(": was cut or replaced while it was being read; run again when it is whole\n");
    _exit(1);
  }
  if (handled_before.sa_flags & SA_SIGINFO) return handled_before.sa_sigaction(signal, info, context);
  std::signal(SIGBUS, SIG_DFL);  // not ours: it happens again, and is dumped
}

[[noreturn]] void on_terminate() {
  std::string reason = "an unknown error";
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::exception& error) {
    reason = reason_of(error);
  } catch (...) {
  }
  std::fprintf(stderr, "limpid: %s\n", reason.c_str());
  _exit(1);
}

}  // namespace

void end_in_one_line() {
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &handled_before);
  std::set_terminate(on_terminate);
}

}  // namespace limpid::apps
