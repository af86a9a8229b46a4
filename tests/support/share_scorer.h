#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "limpid/scorers/scorer.h"

namespace limpid::testing_support {

/// Scores a text by its share of the bytes that count.
class ShareScorer final : public Scorer {
 public:
  ShareScorer(bool (*counts)(char byte), double threshold) : counts_(counts), threshold_(threshold) {}
  std::vector<double> score(std::span<const std::string> texts) const override {
    std::vector<double> scores;
    for (const std::string& text : texts)
      scores.push_back(double(std::ranges::count_if(text, counts_)) / double(text.size() + 1));
    return scores;
  }
  std::string name() const override { return "share of bytes"; }
  double threshold() const override { return threshold_; }
  Json describe() const override { return {{"name", name()}}; }

 private:
  bool (*counts_)(char byte);
  double threshold_;
};

}  // namespace limpid::testing_support
