#include "apps/commands.h"

#include <iostream>

#include "apps/terminal.h"
#include "limpid/checkpoints/inspect.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/metrics/plots/detoxifier_report.h"
#include "limpid/metrics/plots/toxicity_curve.h"
#include "limpid/metrics/report.h"
#include "limpid/tokenizers/tokenize_file.h"
#include "limpid/tokenizers/tokenizer.h"

namespace limpid::apps {

int run_tokenize(const TokenizeOptions& options) {
  terminal().set_quiet(options.quiet);
  const auto tokenizer = open_tokenizer(resolve_model(options.model));
  tokenize_file(*tokenizer, options.file, !options.no_special, options.decode, std::cout);
  return 0;
}

int run_inspect(const InspectOptions& options) {
  const fs::path path = resolve_model(options.file);
  if (!options.report.empty()) write_detoxifier_report(path, options.report);
  std::cout << (options.json ? to_text(inspect_json(path), 1) + "\n" : inspect(path));
  return 0;
}

int run_metrics(const MetricsOptions& options) {
  const auto rows = read_generations(options.file);
  const MetricsReport report = compute_metrics(rows);
  if (options.json)
    std::cout << to_text(to_json(report), 1) << '\n';
  else
    std::cout << summary_table({{options.file, report}}).to_markdown();
  return 0;
}

int run_plot(const PlotOptions& options) {
  std::vector<EvaluationReport> reports;
  for (const std::string& folder : options.folders) {
    const fs::path path = fs::path(folder) / "report.json";
    reports.push_back({path.string(), read_json(path)});
  }
  write_file(options.output, curve_svg(toxicity_curve(reports, options.only)));
  return 0;
}

}  // namespace limpid::apps
