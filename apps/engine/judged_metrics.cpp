#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "apps/terminal.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/evaluation/perplexity_judge.h"
#include "limpid/metrics/report.h"

namespace limpid::apps {

int run_judged_metrics(const MetricsOptions& options) {
  const auto rows = read_generations(options.file);
  LoadOptions load;
  load.precision = parse_precision(options.precision, resolve_model(options.judge));
  const PerplexityJudge judge(open_named_model(options.judge, load), options.judge);
  const auto report = compute_metrics(rows, {}, judge_rows(judge, rows, terminal()));
  if (options.json)
    std::cout << to_text(to_json(report), 1) << '\n';
  else
    std::cout << summary_table({{options.file, report}}).to_markdown();
  return 0;
}

}  // namespace limpid::apps
