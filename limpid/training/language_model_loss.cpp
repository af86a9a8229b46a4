#include "limpid/training/language_model_loss.h"

namespace limpid {

LanguageModelLoss::LanguageModelLoss(const Model& model) : model_(model) {
  LIMPID_CHECK(model.training(), ConfigError, "[training] ", model.path().string(), " was not opened for training");
  const torch::Tensor& weight = model.head().weight();
  head_ = weight.requires_grad() ? weight : weight.detach().to(model.training()->compute);
}

void LanguageModelLoss::check(const Example& example) const {
  for (const TokenId id : example.ids)
    LIMPID_CHECK(id >= 0 && id < model_.config().vocab_size, ConfigError, "[training] ", model_.path().string(),
                 ": a text has token ", id,
                 model_.tokenizer() ? concat(" (", model_.tokenizer()->token_text(id), ")") : "",
                 ", which is outside the vocabulary of ", model_.config().vocab_size,
                 "; the tokenizer belongs to another model");
}

torch::Tensor LanguageModelLoss::states(const Batch& batch) const {
  nn::Pass pass = nn::Pass::dense(batch.ids);
  return model_.before_output(model_.final_state(pass, Outputs::All).index_select(0, batch.positions));
}

CrossEntropyOptions LanguageModelLoss::options() const {
  return {.compute = model_.training()->compute, .softcap = model_.config().final_softcap};
}

torch::Tensor LanguageModelLoss::sum(const Batch& batch) const {
  return linear_cross_entropy(states(batch), head_, batch.targets, options());
}

std::vector<torch::Tensor> LanguageModelLoss::means(const Batch& batch, std::span<const Example> examples) const {
  const torch::Tensor hidden = states(batch);
  std::vector<torch::Tensor> means;
  int64_t begin = 0;
  for (const Example& example : examples) {
    const int64_t count = example.targets();
    means.push_back(
        linear_cross_entropy(hidden.narrow(0, begin, count), head_, batch.targets.narrow(0, begin, count), options()) /
        double(count));
    begin += count;
  }
  return means;
}

void freeze_embeddings(const Model& model) {
  const Family& family = family_of(model.config());
  for (const char* module : {family.embedding.name, family.output.name})
    if (const auto table = model.parameters().find(concat(module, ".weight")); table != model.parameters().end())
      table->second.set_requires_grad(false);
}

}  // namespace limpid
