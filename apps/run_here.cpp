#include <iostream>

#include "apps/begin.h"
#include "apps/commands/files.h"
#include "apps/engine.h"
#include "apps/terminal.h"
#include "limpid/checkpoints/inspect.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/resources.h"
#include "limpid/data/named_data.h"
#include "limpid/data/rows.h"
#include "limpid/metrics/comparison.h"
#include "limpid/metrics/plots/detoxifier_report.h"
#include "limpid/metrics/plots/toxicity_curve.h"
#include "limpid/metrics/report.h"
#include "limpid/metrics/table.h"
#include "limpid/tokenizers/tokenize_file.h"
#include "limpid/tokenizers/tokenizer.h"

/// The commands that run without LibTorch and are small.
namespace limpid::apps {

int run(const TokenizeCommand& options) {
  begin(options);
  const auto tokenizer = open_tokenizer(resolve_model(options.model));
  for_each_row(resolve_data(options.file), {"text"}, [&](const DataRow& row) {
    tokenize_row(*tokenizer, row.is_plain() ? Json{{"text", row.text}} : row.fields, row.json,
                 "[tokenize] " + row.source, !options.no_special, options.decode, std::cout);
  });
  return 0;
}

int run(const InspectCommand& options) {
  begin(options);
  const fs::path path = resolve_model(options.file);
  if (!options.report.empty()) write_detoxifier_report(path, options.report);
  std::cout << (options.json ? to_text(inspect_json(path), 1) + "\n" : inspect(path));
  return 0;
}

int run(const MetricsCommand& options) {
  if (!options.judge.empty()) return run_in_engine(&options);
  const MetricsReport report = compute_metrics(read_generations(options.file));
  if (const std::string missing = missing_scores(report); !missing.empty())
    terminal().warning(concat(options.file.string(), ": ", missing));
  std::cout << (options.json ? to_text(to_json(report), 1) + "\n"
                             : summary_table({{options.file.string(), report}}).to_markdown());
  return 0;
}

int run(const PlotCommand& options) {
  std::vector<EvaluationReport> reports;
  for (const std::string& folder : options.folders) {
    const fs::path path = fs::path(folder) / "report.json";
    reports.push_back({path.string(), read_json(path)});
  }
  write_file(options.output, curve_svg(toxicity_curve(reports, options.only)));
  return 0;
}

int run(const CompareCommand& options) {
  const RunsComparison comparison = read_comparison(options.a, options.b);
  const ComparisonOptions shown{size_t(options.examples), !options.unmasked};
  if (!options.output.empty()) write_file(options.output, comparison_page(comparison, shown));
  std::cout << (options.json ? to_text(to_json(comparison), 1) + "\n" : comparison_markdown(comparison, shown));
  return 0;
}

int run(const ModelsCommand& options) {
  Table table;
  table.column("name", Table::Align::kLeft)
      .column("what", Table::Align::kLeft)
      .column("MB")
      .column("licence", Table::Align::kLeft)
      .column("detoxifier that comes with Limpid", Table::Align::kLeft, "detoxifier")
      .column("place", Table::Align::kLeft);
  for (const ModelListing& listing : list_models()) {
    const uint64_t megabytes = listing.model->bytes() / 1000000;
    const bool has_detoxifier = look_up_resource(listing.model->name + kDetoxifierEnding).has_value();
    table.row(
        {listing.model->name, listing.model->description, std::to_string(megabytes), listing.model->licence,
         has_detoxifier ? "--detox " + listing.model->name : "",
         listing.pulled ? listing.place.string() : "limpid models pull " + listing.model->name},
        {listing.model->name, listing.model->description, megabytes, listing.model->licence,
         has_detoxifier ? Json(listing.model->name) : Json(), listing.pulled ? Json(listing.place.string()) : Json()});
  }
  std::cout << (options.json ? to_text(table.to_json(), 1) + "\n" : table.to_markdown());
  return 0;
}

int run(const ModelsPullCommand& options) {
  std::cout << pull(options.name, {}, terminal()).string() << '\n';
  return 0;
}

}  // namespace limpid::apps
