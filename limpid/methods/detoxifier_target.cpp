#include "limpid/methods/detoxifier_file.h"
#include "limpid/models/model.h"

// What a detoxifier file has to do with models in memory. detoxifier_file.cpp needs no LibTorch.
namespace limpid {

TargetSignature TargetSignature::of(const Model& model) {
  const ModelConfig& config = model.config();
  return {config.architecture, config.hidden_size, config.num_layers, config.vocab_size,
          model.tokenizer() ? limpid::vocab_sha256(*model.tokenizer()) : ""};
}

void DetoxifierFile::check_target(const Model& target) const {
  const std::string difference = info_.target.difference(TargetSignature::of(target));
  LIMPID_CHECK(difference.empty(), MismatchError, "[detoxifier] ", path_.string(),
               ": made for another model: ", difference);
}

DetoxifierInfo new_detoxifier(const MethodInfo& method, const Model& target, std::optional<float> strength,
                              const Json& provenance) {
  DetoxifierInfo info;
  info.method = method.name;
  info.target = TargetSignature::of(target);
  info.default_strength = double(strength ? *strength : method.strength.usual.value_or(1.0f));
  info.strength_meaning = method.strength.meaning;
  info.provenance = provenance;
  return info;
}

}  // namespace limpid
