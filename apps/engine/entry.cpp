#include <ATen/Parallel.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "apps/engine.h"
#include "apps/engine/commands.h"
#include "apps/guard.h"
#include "apps/terminal.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::apps {
namespace {

/// Every step asks for the same large blocks; handed back to the system each time, their pages cost some percent. Not
/// those above 32 MB (the most that glibc takes), though: gradients of large vocabularies among blocks that change with
/// the length of the texts would tear the heap to pieces (Gemma 3 270M grew by 0.7 GB a step).
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

/// Threads for our pool and for LibTorch's, which never run at once; what every command needs before it starts.
template <class Options>
int start(int (*run)(const Options&), const void* options) {
  const auto& typed = *static_cast<const Options*>(options);
  keep_freed_memory();
  terminal().set_quiet(typed.quiet);
  terminal().catch_interrupts();
  if (typed.threads > 0) kernels::set_num_threads(size_t(typed.threads));
  at::set_num_threads(int(kernels::num_threads()));
  return run(typed);
}

}  // namespace
}  // namespace limpid::apps

extern "C" __attribute__((visibility("default"))) int limpid_engine_run(const char* command, const void* options) {
  using namespace limpid::apps;
  const std::string name = command;
  return guarded([&] {
    if (name == "generate") return start(run_generate, options);
    if (name == "trace") return start(run_trace, options);
    if (name == "bench") return start(run_bench, options);
    if (name == "perplexity") return start(run_perplexity, options);
    if (name == "train calibrator") return start(run_train_calibrator, options);
    if (name == "train lm") return start(run_train_lm, options);
    if (name == "train lora") return start(run_train_lora, options);
    if (name == "train contrastive-perplexity") return start(run_train_contrastive, options);
    if (name == "train scorer") return start(run_train_scorer, options);
    if (name == "fit fusion") return start(run_fit_fusion, options);
    if (name == "fit destein") return start(run_fit_destein, options);
    if (name == "fit toxification-reversal") return start(run_fit_reversal, options);
    if (name == "fit self-debiasing") return start(run_fit_debiasing, options);
    if (name == "fit sasa") return start(run_fit_sasa, options);
    if (name == "fit profs") return start(run_fit_profs, options);
    if (name == "fit model-surgery") return start(run_fit_model_surgery, options);
    if (name == "fit dexperts") return start(run_fit_dexperts, options);
    if (name == "fit gedi") return start(run_fit_gedi, options);
    if (name == "export") return start(run_export, options);
    if (name == "distil") return start(run_distil, options);
    if (name == "score") return start(run_score, options);
    if (name == "evaluate") return start(run_evaluate, options);
    if (name == "tune") return start(run_tune, options);
    if (name == "multiple-choice") return start(run_multiple_choice, options);
    if (name == "metrics") return start(run_judged_metrics, options);
    throw limpid::ConfigError("the engine does not know the command " + name);
  });
}
