#include "apps/commands/fit_gate.h"

#include <iostream>

#include "apps/engine/common.h"
#include "limpid/data/generations.h"
#include "limpid/methods/gate/fit.h"
#include "limpid/methods/resolve_detoxifier.h"
#include "limpid/metrics/table.h"

namespace limpid::apps {
namespace {

std::vector<std::string> texts_of(const std::string& file, int64_t limit) {
  std::vector<std::string> texts;
  for (PromptRow& row : read_prompts(file))
    if (int64_t(texts.size()) < limit) texts.push_back(std::move(row.text));
  return texts;
}

std::vector<std::shared_ptr<const Scorer>> open_scorers(const std::vector<std::string>& specs) {
  std::vector<std::shared_ptr<const Scorer>> scorers;
  for (const std::string& spec : specs) scorers.push_back(open_scorer(spec));
  if (scorers.empty()) scorers.push_back(open_scorer());
  return scorers;
}

Table reliability_table(const Json& bins) {
  Table table;
  table.column("risk").column("steps").column("mean risk").column("became toxic");
  for (size_t b = 0; b < bins.size(); ++b) {
    const Json& bin = bins.at(b);
    const auto count = bin.at("count").get<uint64_t>();
    table.row({concat(double(b) / double(bins.size()), " to ", double(b + 1) / double(bins.size())), thousands(count),
               count == 0 ? "" : format_number(bin.at("risk").get<double>(), 3),
               count == 0 ? "" : percent(bin.at("wrong").get<double>())});
  }
  return table;
}

}  // namespace

int run(const FitGateCommand& options) {
  std::shared_ptr<const DetoxifierFile> onto;
  if (!options.detox.empty()) onto = DetoxifierFile::open(resolve_detoxifier(options.detox));
  const gate::GateTexts texts{texts_of(options.toxic, options.limit), texts_of(options.ordinary, options.limit),
                              texts_of(options.everyday, options.limit)};
  const auto model = open_model_for(options);
  if (onto) onto->check_target(*model);
  const auto scorers = open_scorers(options.scorers);
  Json provenance = fit_provenance(options.model, {});
  provenance["seed"] = options.fit.seed;
  provenance["scorer"] = scorers[0]->describe();
  for (size_t s = 1; s < scorers.size(); ++s) provenance["further_scorers"].push_back(scorers[s]->describe());

  gate::Scorers heard;
  for (const auto& scorer : scorers) heard.push_back(*scorer);
  const gate::FittedGate fitted = gate::fit_gate(model, heard, texts, options.fit, terminal());
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
  const Json& calibration = fitted.report.at("calibration");
  std::cout << "  " << name(options.fit.calibrate)
            << " probe: the risk of a step against how often its text became toxic, expected calibration error "
            << format_number(calibration.at("ece").get<double>(), 3) << "\n"
            << reliability_table(calibration.at("bins")).to_markdown();
  return 0;
}

}  // namespace limpid::apps
