#include "apps/commands/detox.h"

#include <iostream>

#include "apps/engine/common.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/evaluation/detox.h"

namespace limpid::apps {

int run(const DetoxCommand& options) {
  DetoxPlan plan;
  static_cast<DetoxOptions&>(plan) = options.detox;
  plan.model = open_model_for(options);
  plan.model_name = options.model;
  plan.model_path = resolve_model(options.model);
  plan.scorer = open_scorer(options.scorer);
  const DetoxOutcome outcome = make_detoxifier(plan, terminal());
  for (const std::string& budget : missed_budgets(plan, outcome)) terminal().warning("a budget was missed: " + budget);
  std::cout << detox_markdown(outcome) << '\n' << plan.output.string() << ": strength " << outcome.strengths.steering;
  if (outcome.strengths.contrast > 0.0) std::cout << ", contrast " << outcome.strengths.contrast;
  if (!outcome.helps) std::cout << "; it could not help: on toxic prompts the text is no less toxic than plain's";
  std::cout << '\n';
  return 0;
}

}  // namespace limpid::apps
