#include "limpid/methods/dexperts/fit.h"

#include "limpid/checkpoints/model_store.h"
#include "limpid/methods/adapter.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/dexperts/method.h"
#include "limpid/models/vocabulary.h"

namespace limpid::dexperts {

Json fit_dexperts(const Model& target, const ExpertsFit& fit) {
  check_same_vocabulary(target, *open_reader(resolve_model(fit.anti.string()), target).model, "anti-expert", "[fit] ");
  if (fit.expert)
    check_same_vocabulary(target, *open_reader(resolve_model(fit.expert->string()), target).model, "expert", "[fit] ");
  DetoxifierInfo info = new_detoxifier(DexpertsMethod::info, target, fit.strength, fit.provenance);
  info.settings = {{"mask", fit.mask.text()}, {"expert", fit.expert.has_value()}};
  info.needs.push_back(linked_model("anti", fit.anti, fit.output));
  if (fit.expert) info.needs.push_back(linked_model("expert", *fit.expert, fit.output));
  write_detoxifier(fit.output, info, {});
  return info.settings;
}

}  // namespace limpid::dexperts
