#pragma once

#include "limpid/evaluation/detox_work.h"

/// The contrast of `limpid detox --thorough`: two calibrators of the model, trained on its own text, whose difference
/// acts (docs/data-recipe.md).
namespace limpid {

/// The texts of the model's own that its calibrators learn from.
struct OwnTexts {
  size_t count = 0;
  static constexpr size_t kUsual = 12'000;

  /// Returns as many as are written and learned from in so many minutes by two cores, for a model of 135 million
  /// weights: at most the usual number.
  static OwnTexts for_minutes(double minutes);
};

/// Returns beginnings of comments, of both sides of pairs and of ordinary web prompts that nothing is measured on: 3 to
/// 12 words, without the marks of their platforms, in an order that the seed draws.
std::vector<PromptRow> openings(const DetoxPlan& plan, const DetoxSplits& splits);

/// Lets the model continue openings, scores the texts, and sorts them into files of the work folder: all, those far
/// from toxic, and toxic ones. Does what is not done yet.
void write_own_texts(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits, const OwnTexts& texts,
                     Watch& watch);

/// Trains three layers on all texts, branches off a safe and a toxic half, and writes files.contrast. Does what is not
/// done yet.
void fit_contrast(const DetoxPlan& plan, const DetoxFiles& files, Watch& watch);

}  // namespace limpid
