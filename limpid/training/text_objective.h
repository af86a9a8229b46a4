#pragma once

#include "limpid/core/watch.h"
#include "limpid/training/language_model_loss.h"
#include "limpid/training/objective.h"
#include "limpid/training/text_run.h"

namespace limpid {

/// The next-token loss of a model on the texts of a run. Freeze before.
class TextObjective final : public Objective {
 public:
  /// Reads the data and says what it found. @throws ConfigError when nothing can be learnt from it, or the model has no
  /// tokenizer.
  TextObjective(const Model& model, const Tokenizer* tokenizer, const TextRunOptions& options,
                Watch& watch = unwatched());

  std::span<const int64_t> lengths(Split split) const override { return lengths_[split == Split::HeldOut]; }
  int64_t targets(uint32_t train_example) const override { return sets_.train[train_example].targets(); }
  Part loss(Split split, std::span<const uint32_t> chosen) const override;

 private:
  LanguageModelLoss loss_;
  ExampleSets sets_;
  std::vector<int64_t> lengths_[2];
};

}  // namespace limpid
