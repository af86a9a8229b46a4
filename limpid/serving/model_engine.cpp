#include "limpid/serving/model_engine.h"

#include "limpid/methods/detox_stack.h"
#include "limpid/scorers/text_batches.h"

namespace limpid::serving {
namespace {

DetoxStack stack_of(const ServedModel& served, const std::vector<float>& strengths) {
  DetoxStack stack;
  for (size_t i = 0; i < served.detoxifiers.size(); ++i)
    stack.add(served.detoxifiers[i].detoxifier, i < strengths.size() ? strengths[i] : 0.0f);
  return stack;
}

}  // namespace

ModelEngine::ModelEngine(const ServedModel& served, GeneratorOptions options)
    : served_(served),
      cache_limit_(options.cache_bytes),
      generator_(served.model, stack_of(served, {}).open(*served.model), std::move(options)) {}

/// Returns a strength for each session: a detoxifier may stand for several.
std::vector<float> ModelEngine::of_sessions(const std::vector<float>& strengths) const {
  return stack_of(served_, strengths).strengths();
}

RequestId ModelEngine::begin(Request request) {
  request.strengths = of_sessions(request.strengths);
  return generator_.submit(std::move(request));
}

void ModelEngine::steer(RequestId row, std::vector<float> strengths, uint32_t attempt) {
  generator_.steer(row, of_sessions(strengths), attempt);
}

server::EngineState ModelEngine::state() const {
  return {generator_.cache_bytes(), cache_limit_, generator_.kept_bytes(), generator_.preemptions()};
}

std::vector<double> ModelEngine::score(std::span<const std::string> texts) {
  LIMPID_CHECK(served_.scorer, Error, "[guard] no scorer is loaded");
  const auto scoring = served_.scorer->begin({texts.begin(), texts.end()}, &known_windows_);
  while (!scoring->step(kBatchTokens)) {
  }
  return scoring->scores();
}

}  // namespace limpid::serving
