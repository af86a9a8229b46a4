#include <iostream>

#include "apps/commands/fit_dexperts.h"
#include "apps/commands/fit_gedi.h"
#include "apps/commands/fit_self_debiasing.h"
#include "apps/commands/fit_toxification_reversal.h"
#include "apps/engine/common.h"
#include "limpid/methods/dexperts/fit.h"
#include "limpid/methods/gedi/fit.h"
#include "limpid/methods/self_debiasing/fit.h"
#include "limpid/methods/toxification_reversal/fit.h"

/// Fits that compute nothing: they check settings against the target and write them.
namespace limpid::apps {

int run(const FitReversalCommand& options) {
  toxification_reversal::ReversalFit fit = options.fit;
  fit.provenance = fit_provenance(options.model, {});
  toxification_reversal::fit_toxification_reversal(*open_model_for(options), fit);
  terminal().warning(
      "on the models measured toxification reversal lowers toxicity hardly at all, and at 1 perplexity is six times "
      "plain's "
      "(docs/results.md); limpid detox makes a detoxifier that was measured");
  std::cout << fit.output.string() << ": toxification reversal, strength " << fit.strength << "\n";
  return 0;
}

int run(const FitDebiasingCommand& options) {
  self_debiasing::DebiasingFit fit = options.fit;
  fit.provenance = fit_provenance(options.model, {});
  self_debiasing::fit_self_debiasing(*open_model_for(options), fit);
  terminal().warning(
      "on the models measured self-debiasing lowers toxicity hardly at all (docs/results.md); limpid detox makes a "
      "detoxifier that was measured");
  std::cout << fit.output.string() << ": self-debiasing, " << fit.prefixes.size()
            << (fit.prefixes.size() == 1 ? " description" : " descriptions") << ", lambda " << fit.strength << "\n";
  return 0;
}

int run(const FitDexpertsCommand& options) {
  dexperts::ExpertsFit fit = options.fit;
  fit.mask = dexperts::TokenMask::parse(options.mask, "--mask: ");
  fit.provenance = fit_provenance(options.model, {});
  fit.provenance["anti"] = fit.anti.filename().string();
  if (fit.expert) fit.provenance["expert"] = fit.expert->filename().string();
  dexperts::fit_dexperts(*open_model_for(options), fit);
  std::cout << fit.output.string() << ": dexperts, " << (fit.expert ? "expert and anti-expert" : "anti-expert alone")
            << ", mask " << fit.mask.text() << ", alpha " << fit.strength << "\n";
  return 0;
}

int run(const FitGediCommand& options) {
  gedi::GediFit fit = options.fit;
  fit.provenance = fit_provenance(options.model, {});
  fit.provenance["guide"] = fit.guide.filename().string();
  const Json settings = gedi::fit_gedi(*open_model_for(options), fit);
  std::cout << fit.output.string() << ": gedi, codes " << to_text(settings.at("clean")) << " and "
            << to_text(settings.at("dirty")) << ", omega " << fit.strength << "\n";
  return 0;
}

}  // namespace limpid::apps
