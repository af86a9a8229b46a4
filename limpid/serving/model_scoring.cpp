#include "limpid/serving/model_scoring.h"

#include <chrono>

namespace limpid::serving {
namespace {

constexpr int64_t kPartTokens = 128;              // some tens of milliseconds, by which rows being written are delayed
constexpr size_t kMostWaiting = size_t(4) << 20;  // bytes of texts; a byte may become two tokens of four
constexpr size_t kMostVectors = size_t(16) << 20;

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Has work done between steps. What cannot even begin is told at once.
template <class Result, class Begin>
void do_between_steps(const BetweenSteps& between_steps, typename StepwiseWork<Result>::Done done, Begin begin) {
  std::shared_ptr<StepwiseWork<Result>> work;
  try {
    work = begin(done);
  } catch (const server::ApiError& error) {
    return done(error);
  } catch (const std::exception& error) {
    return done(server::ApiError(500, "internal_error", reason_of(error)));
  }
  between_steps([work = std::move(work)] { return (*work)(); });
}

}  // namespace

ModelScorer::ModelScorer(std::shared_ptr<const Scorer> scorer, BetweenSteps between_steps, Scored scored)
    : scorer_(std::move(scorer)),
      name_(scorer_->full_name()),
      between_steps_(std::move(between_steps)),
      scored_(std::move(scored)),
      backlog_(std::make_shared<Backlog>(kMostWaiting)) {}

void ModelScorer::score(std::vector<std::string> texts, std::stop_token stop, Done done) {
  using Work = StepwiseWork<std::vector<double>>;
  do_between_steps<std::vector<double>>(between_steps_, std::move(done), [&](const Done& told) {
    size_t bytes = 0;
    for (const std::string& text : texts) bytes += text.size();
    Backlog::Place place = Backlog::take(backlog_, bytes);
    const std::shared_ptr<Scoring> scoring = scorer_->begin(std::move(texts));
    const auto seconds = std::make_shared<double>(0.0);
    const auto step = [scoring, seconds] {
      const auto begin = Clock::now();
      const bool is_done = scoring->step(kPartTokens);
      *seconds += seconds_since(begin);
      return is_done;
    };
    const auto result = [scoring, seconds, scorer = scorer_, scored = scored_] {
      const std::vector<double>& scores = scoring->scores();
      for (double score : scores) scored(score > scorer->threshold(), *seconds / double(scores.size()));
      return scores;
    };
    return std::make_shared<Work>(std::move(place), std::move(stop), told, step, result);
  });
}

ModelEmbedder::ModelEmbedder(std::shared_ptr<const SentenceEncoder> encoder, BetweenSteps between_steps)
    : encoder_(std::move(encoder)),
      between_steps_(std::move(between_steps)),
      backlog_(std::make_shared<Backlog>(kMostVectors)) {}

void ModelEmbedder::embed(std::vector<TokenIds> texts, std::stop_token stop, Done done) {
  using Vectors = std::vector<std::vector<float>>;
  do_between_steps<Vectors>(between_steps_, std::move(done), [&](const Done& told) {
    size_t bytes = texts.size() * size_t(width()) * sizeof(float);
    for (const TokenIds& ids : texts) bytes += ids.size() * sizeof(TokenId);
    Backlog::Place place = Backlog::take(backlog_, bytes);
    const auto embedding = std::make_shared<Embedding>(encoder_, std::move(texts));
    return std::make_shared<StepwiseWork<Vectors>>(
        std::move(place), std::move(stop), told, [embedding] { return embedding->step(kPartTokens); },
        [embedding] { return embedding->vectors(); });
  });
}

}  // namespace limpid::serving
