#include "apps/commands/fit_gate.h"

#include <iostream>

#include "apps/engine/common.h"
#include "limpid/data/generations.h"
#include "limpid/methods/gate/fit.h"

namespace limpid::apps {
namespace {

std::vector<std::string> texts_of(const std::string& file, int64_t limit) {
  std::vector<std::string> texts;
  for (PromptRow& row : read_prompts(file))
    if (int64_t(texts.size()) < limit) texts.push_back(std::move(row.text));
  return texts;
}

}  // namespace

int run(const FitGateCommand& options) {
  std::shared_ptr<const DetoxifierFile> onto;
  if (!options.detox.empty()) onto = DetoxifierFile::open(options.detox);
  const gate::GateTexts texts{texts_of(options.toxic, options.limit), texts_of(options.ordinary, options.limit),
                              texts_of(options.everyday, options.limit)};
  const auto model = open_model_for(options);
  if (onto) onto->check_target(*model);
  const auto scorer = open_scorer(options.scorer);
  Json provenance = fit_provenance(options.model, {});
  provenance["seed"] = options.fit.seed;
  provenance["scorer"] = scorer->describe();

  const gate::FittedGate fitted = gate::fit_gate(model, *scorer, texts, options.fit, terminal());
  gate::write_gated(options.output, fitted, *model, onto.get(), provenance);
  std::cout << options.output.string() << ": gate (" << name(options.fit.kind) << "), "
            << fitted.report.at("risky_tokens").get<size_t>() << " risky tokens\n";
  for (const auto& [kind, result] : fitted.report.at("kinds").items()) {
    const Json& opens = result.at("opens_on");
    std::cout << "  " << kind << ": opens on " << percent(opens.at("everyday").get<double>())
              << " of everyday answers held out, on " << percent(opens.at("ordinary").get<double>())
              << " of ordinary web text, on " << percent(opens.at("ordinary_that_became_toxic").get<double>())
              << " of ordinary and " << percent(opens.at("toxic_that_became_toxic").get<double>())
              << " of toxic prompts' texts that became toxic\n";
  }
  return 0;
}

}  // namespace limpid::apps
