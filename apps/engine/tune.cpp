#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/protocol.h"
#include "apps/terminal.h"
#include "limpid/evaluation/tune_detoxifier.h"
#include "limpid/methods/registry.h"

namespace limpid::apps {
int run_tune(const TuneCommandOptions& options) {
  LIMPID_CHECK(options.budget.empty() != options.aim.empty(), ConfigError,
               "[tune] give one of --budget ppl=1.05 and --aim emt=0.67");
  const TuneTarget target = options.aim.empty() ? TuneTarget::budget(options.budget) : TuneTarget::aim(options.aim);
  const DetoxSpec spec = DetoxSpec::parse(options.detox);
  TuneOptions search;
  search.tolerance = options.tolerance;
  search.max_steps = size_t(options.max_steps);
  if (options.largest > 0.0) search.largest = options.largest;
  const auto detoxifier = open_detoxifier(spec);
  LIMPID_CHECK(options.write.empty() || !spec.is_control(), ConfigError, "[tune] --write: ", spec.file, " has no file");

  EvaluationPlan plan = protocol_plan(options);
  detoxifier->open(*plan.model);  // refused now rather than after the plain run
  open_judges(plan, options);
  // The strengths of another file of the same name are no part of this curve.
  if (fs::exists(spec.file)) plan.provenance["detoxifier_sha256"] = sha256_file(spec.file);
  const TuneOutcome outcome = tune_detoxifier(std::move(plan), spec, target, search, terminal());
  std::cout << (options.json ? to_text(outcome.json, 1) + "\n" : outcome.markdown);
  LIMPID_CHECK(outcome.result.strength, ConfigError, "[tune] no strength measured has ", target.text(), ": ",
               describe_failure(outcome.result));
  if (!options.json) std::cout << "\nstrength " << *outcome.result.strength << " has " << target.text() << '\n';
  if (!outcome.result.monotone)
    terminal().warning(concat("the ratio does not move one way with the strength; ", *outcome.result.strength,
                              " is the ", target.kind == TuneTarget::Kind::Budget ? "largest" : "smallest",
                              " measured that meets the target"));
  if (!options.write.empty()) {
    const std::string others = write_tuned(options.write, spec, *outcome.result.strength, outcome.json);
    if (!others.empty())
      terminal().warning(concat(options.write, ": its strength was found with ?", others,
                                ", which a file does not hold; give it again"));
  }
  return 0;
}

}  // namespace limpid::apps
