#pragma once

#include <memory>
#include <string>

#include "limpid/scorers/scorer.h"
#include "limpid/scorers/sentence_encoder.h"
#include "limpid/server/scoring.h"
#include "limpid/serving/between_steps.h"

/// The scorer and the encoder of a server. Texts are tokenised on the caller's thread and read between the steps of
/// its engine, a few windows at a time.
namespace limpid::serving {

class ModelScorer final : public server::TextScorer {
 public:
  using Scored = std::function<void(bool flagged, double seconds)>;

  /// @param scored  hears of each text, on the engine's thread
  ModelScorer(std::shared_ptr<const Scorer> scorer, BetweenSteps between_steps, Scored scored = [](bool, double) {});

  const std::string& name() const override { return name_; }
  double threshold() const override { return scorer_->threshold(); }
  void score(std::vector<std::string> texts, std::stop_token stop, Done done) override;

 private:
  std::shared_ptr<const Scorer> scorer_;
  std::string name_;
  BetweenSteps between_steps_;
  Scored scored_;
  std::shared_ptr<Backlog> backlog_;
};

class ModelEmbedder final : public server::TextEmbedder {
 public:
  ModelEmbedder(std::shared_ptr<const SentenceEncoder> encoder, BetweenSteps between_steps);

  const std::string& name() const override { return encoder_->name(); }
  int64_t width() const override { return encoder_->width(); }
  int64_t vocabulary() const override { return encoder_->vocab_size(); }
  int64_t max_tokens() const override { return encoder_->max_tokens(); }
  TokenIds encode(const std::string& text) const override { return encoder_->encode(text); }
  void embed(std::vector<TokenIds> texts, std::stop_token stop, Done done) override;

 private:
  std::shared_ptr<const SentenceEncoder> encoder_;
  BetweenSteps between_steps_;
  std::shared_ptr<Backlog> backlog_;
};

}  // namespace limpid::serving
