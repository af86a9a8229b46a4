#include <iostream>

#include "apps/commands.h"
#include "apps/engine.h"
#include "apps/guard.h"
#include "apps/options.h"
#include "limpid/core/version.h"

/// The program: parse, call, print, nothing else.
int main(int argc, char** argv) {
  using namespace limpid::apps;
  const auto in_engine = [](const char* command) {
    return [command](const auto& options) { return run_in_engine(command, &options); };
  };
  Handlers handlers;
  handlers.generate = in_engine("generate");
  handlers.trace = in_engine("trace");
  handlers.bench = in_engine("bench");
  handlers.perplexity = in_engine("perplexity");
  handlers.train_calibrator = in_engine("train calibrator");
  handlers.train_lm = in_engine("train lm");
  handlers.train_lora = in_engine("train lora");
  handlers.train_contrastive = in_engine("train contrastive-perplexity");
  handlers.train_scorer = in_engine("train scorer");
  handlers.fit_fusion = in_engine("fit fusion");
  handlers.fit_destein = in_engine("fit destein");
  handlers.fit_reversal = in_engine("fit toxification-reversal");
  handlers.fit_debiasing = in_engine("fit self-debiasing");
  handlers.fit_sasa = in_engine("fit sasa");
  handlers.fit_profs = in_engine("fit profs");
  handlers.fit_model_surgery = in_engine("fit model-surgery");
  handlers.fit_dexperts = in_engine("fit dexperts");
  handlers.fit_gedi = in_engine("fit gedi");
  handlers.export_detoxifier = in_engine("export");
  handlers.distil = in_engine("distil");
  handlers.score = in_engine("score");
  handlers.evaluate = in_engine("evaluate");
  handlers.tune = in_engine("tune");
  handlers.multiple_choice = in_engine("multiple-choice");
  handlers.metrics = [&](const MetricsOptions& options) {
    return options.judge.empty() ? run_metrics(options) : run_in_engine("metrics", &options);
  };
  handlers.tokenize = run_tokenize;
  handlers.inspect = run_inspect;
  handlers.plot = run_plot;
  handlers.models = run_models;
  handlers.doctor = run_doctor;

  CLI::App app(
      "Limpid makes open-weight language models say fewer toxic things, and shows by measurement that it worked.");
  app.set_version_flag("--version", limpid::version());
  app.set_config("--config", "", "Read options from a TOML or INI file");
  std::function<int()> chosen;
  declare_commands(app, handlers, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return guarded(chosen);
}
