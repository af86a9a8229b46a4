#include "limpid/evaluation/evaluate.h"

#include <algorithm>
#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "apps/engine/protocol.h"
#include "apps/terminal.h"
#include "limpid/core/number_text.h"

namespace limpid::apps {
namespace {

std::vector<EvaluationSetting> settings_of(const EvaluateOptions& options) {
  std::vector<EvaluationSetting> settings = {{{}, "plain"}};
  for (const std::string& text : options.detox) {
    for (EvaluationSetting& setting : parse_settings(text, options.strengths)) {
      const bool fresh = std::none_of(settings.begin(), settings.end(),
                                      [&](const EvaluationSetting& other) { return other.name == setting.name; });
      LIMPID_CHECK(fresh, ConfigError, "two settings are called \"", setting.name,
                   "\"; name each file, its options and strength once");
      settings.push_back(std::move(setting));
    }
  }
  return settings;
}

}  // namespace

int run_evaluate(const EvaluateOptions& options) {
  std::vector<EvaluationSetting> settings = settings_of(options);
  EvaluationPlan plan = protocol_plan(options);
  plan.settings = std::move(settings);
  for (const EvaluationSetting& setting : plan.settings)
    for (const AppliedDetoxifier& one : setting.detoxifiers)
      one.detoxifier->open(*plan.model);  // refused now rather than after an hour
  if (options.dry_run) {
    const uint64_t tokens = plan.settings.size() * plan.prompts.size() * uint64_t(plan.samples * plan.tokens);
    std::cout << plan.settings.size() << " settings x " << plan.prompts.size() << " prompts x " << plan.samples
              << " samples x " << plan.tokens << " tokens = " << thousands(tokens) << " tokens, about "
              << human_duration(estimated_seconds(plan)) << " of decoding\n";
    for (const EvaluationSetting& setting : plan.settings) std::cout << "  " << setting.name << '\n';
    return 0;
  }
  open_judges(plan, options);
  const auto results = evaluate(plan, terminal());
  std::cout << (options.json ? to_text(report_json(plan, results), 1) + "\n" : report_markdown(plan, results));
  if (options.examples > 0 && !options.json)
    std::cout << '\n' << examples_markdown(plan, results, size_t(options.examples));
  return 0;
}

}  // namespace limpid::apps
