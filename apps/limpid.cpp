#include "apps/commands/all.h"
#include "apps/engine.h"
#include "apps/faults.h"
#include "apps/standard_output.h"
#include "limpid/core/version.h"

namespace limpid::apps {
namespace {

/// Runs a command where it belongs.
template <class Command>
int dispatch(const Command& command) {
  if constexpr (Command::kInfo.runs == Runs::Here)
    return run(command);
  else
    return run_in_engine(&command);
}

template <class... Command>
void add_all(CommandLine& line, CommandList<Command...>) {
  (line.add<Command>(dispatch<Command>), ...);
}

}  // namespace
}  // namespace limpid::apps

/// The program: parse, call, print, nothing else.
int main(int argc, char** argv) {
  using namespace limpid::apps;
  end_in_one_line();
  StandardOutput output;
  CommandLine line(
      "Limpid makes open-weight language models say fewer toxic things, and shows by measurement that it worked.",
      limpid::version(),
      {{"train", "Train a calibrator, a language model, an adapter or a scorer"},
       {"fit", "Make a detoxifier for a model, without gradient steps on it"}},
      {{"Write", {"generate", "chat", "serve", "bench", "trace"}},
       {"Make a detoxifier", {"detox", "fit", "tune", "export"}},
       {"Train", {"train", "distil"}},
       {"Files of models", {"convert", "quantize"}},
       {"Measure", {"evaluate", "compare", "plot", "score", "metrics", "perplexity", "multiple-choice"}},
       {"Look", {"models", "data", "inspect", "tokenize", "doctor"}}});
  line.add_topic("detox", detoxifiers_explained);
  add_all(line, AllCommands());
  return output.finish(line.run(argc, argv));
}
