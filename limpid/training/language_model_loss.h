#pragma once

#include "limpid/models/model.h"
#include "limpid/training/batches.h"
#include "limpid/training/cross_entropy.h"

/// The next-token loss of a trainable model.
namespace limpid {

/// Sum over the batch's targets of -log p(target | the tokens before it), nats; padding and prompts count nowhere.
class LanguageModelLoss {
 public:
  /// Keeps a copy of a frozen output matrix in the type of the products; so freeze before, and do not change it
  /// afterwards.
  /// @throws ConfigError when the model was not opened trainable.
  explicit LanguageModelLoss(const Model& model);
  /// @throws ConfigError for a token that the model has no embedding of: its tokenizer knows more than its table.
  void check(const Example& example) const;
  torch::Tensor sum(const Batch& batch) const;  ///< scalar float64, differentiable in the model's parameters
  /// Returns the mean over each example's own targets: scalars. @param examples  those of the batch, in its order
  std::vector<torch::Tensor> means(const Batch& batch, std::span<const Example> examples) const;

 private:
  torch::Tensor states(const Batch& batch) const;  ///< [M, width of the output matrix], what that multiplies
  CrossEntropyOptions options() const;
  const Model& model_;
  torch::Tensor head_;
};

/// Stops the gradients of token embeddings and output matrix, so that the trained model shares them with its base.
void freeze_embeddings(const Model& model);

}  // namespace limpid
