#include "limpid/training/language_model_loss.h"

#include "limpid/training/cross_entropy.h"

namespace limpid {

LanguageModelLoss::LanguageModelLoss(const Model& model) : model_(model) {
  LIMPID_CHECK(model.options().trainable, ConfigError, "[training] ", model.path().string(), " was not opened for training");
  LIMPID_CHECK(model.config().final_softcap == 0.0, ConfigError, "[training] ", model.path().string(),
               " caps its logits, which training does not support");
  const torch::Tensor& weight = model.head().weight();
  head_ = weight.requires_grad() ? weight : weight.detach().to(model.options().compute);
}

torch::Tensor LanguageModelLoss::sum(const Batch& batch) const {
  nn::Pass pass = nn::Pass::dense(batch.ids);
  const torch::Tensor hidden = model_.final_state(pass, Outputs::All);
  return linear_cross_entropy(hidden.index_select(0, batch.positions), head_, batch.targets, {.compute = model_.options().compute});
}

void freeze_embeddings(const Model& model) {
  for (const auto& [name, parameter] : model.parameters())
    if (name.ends_with("embed_tokens.weight") || name == "wte.weight" || name == "lm_head.weight") parameter.set_requires_grad(false);
}

}  // namespace limpid
