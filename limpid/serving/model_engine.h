#pragma once

#include "limpid/decoding/generator.h"
#include "limpid/scorers/known_windows.h"
#include "limpid/server/scheduler/engine.h"
#include "limpid/serving/served_model.h"

namespace limpid::serving {

/// The engine of a server: one Generator with the sessions of all detoxifiers, of which each request has its strengths.
class ModelEngine final : public server::Engine {
 public:
  ModelEngine(const ServedModel& served, GeneratorOptions options);

  RequestId begin(Request request) override;
  void cancel(RequestId row) override { generator_.cancel(row); }
  void rewind(RequestId row, size_t tokens) override { generator_.rewind(row, tokens); }
  void steer(RequestId row, std::vector<float> strengths, uint32_t attempt) override;
  void pause(RequestId row, bool paused) override { generator_.pause(row, paused); }
  void step(const std::function<void(Completion)>& done) override { generator_.step(done); }
  server::EngineState state() const override;
  std::vector<double> score(std::span<const std::string> texts) override;
  /// Returns how many tokens one sequence can have within the memory of the caches.
  int64_t tokens_within_cache() const { return int64_t(generator_.tokens_within_cache()); }

 private:
  std::vector<float> of_sessions(const std::vector<float>& strengths) const;

  ServedModel served_;
  size_t cache_limit_;
  KnownWindows known_windows_;  // of answers that are guarded, which are scored again as they grow
  Generator generator_;
};

}  // namespace limpid::serving
