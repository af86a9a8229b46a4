#include <ATen/Parallel.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "apps/begin.h"
#include "apps/commands/all.h"
#include "apps/engine.h"
#include "apps/faults.h"
#include "apps/guard.h"
#include "apps/terminal.h"
#include "apps/threads.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::apps {
namespace {

/// Keeps freed memory. Every step asks for the same large blocks; handed back to the system each time, their pages cost
/// some percent. Not those above 32 MB (the most that glibc takes), though: gradients of large vocabularies among
/// blocks that change with the length of the texts would tear the heap to pieces (Gemma 3 270M grew by 0.7 GB a step).
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

/// Runs a command, after what every one needs: threads for our pool and for LibTorch's, which never run at once.
template <class Command>
int start(int (*run)(const Command&), const Command& options) {
  keep_freed_memory();
  end_in_one_line();
  begin(options);
  terminal().catch_interrupts();
  choose_threads(options.threads);
  at::set_num_threads(int(kernels::num_threads()));
  return run(options);
}

/// Runs `run` if its command was called. Returns whether it was.
template <class Command>
bool serve(int (*run)(const Command&), const std::any& called, int& code) {
  const auto* options = std::any_cast<const Command*>(&called);
  if (options) code = start(run, **options);
  return options;
}

template <class Command>
bool serve_in_engine(const std::any& called, int& code) {
  if constexpr (Command::kInfo.runs == Runs::InEngine)
    return serve<Command>(run, called, code);
  else
    return false;
}

template <class... Command>
int serve_all(CommandList<Command...>, const std::any& called) {
  int code = 0;
  const bool served = serve(run_judged, called, code) || (serve_in_engine<Command>(called, code) || ...);
  LIMPID_CHECK(served, ConfigError, "the engine does not know this command; was it built from the same source?");
  return code;
}

}  // namespace
}  // namespace limpid::apps

extern "C" __attribute__((visibility("default"))) int limpid_engine_run(const std::any& command) {
  using namespace limpid::apps;
  return guarded([&] { return serve_all(AllCommands(), command); });
}
