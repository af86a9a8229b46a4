#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "limpid/decoding/row.h"

/// What decodes, as the scheduler sees it: the Generator with the server's detoxifiers (serving/model_engine.h), or a
/// fake of tests.
namespace limpid::server {

struct EngineState {
  size_t cache_bytes = 0, cache_limit = 0, kept_bytes = 0;
  uint64_t preemptions = 0;
};

/// One thread calls it. Its members, but for step, may also be called from a request's on_token.
class Engine {
 public:
  virtual ~Engine() = default;
  /// Begins a row at the next step. Strengths are those of the server's detoxifiers, in their order.
  virtual RequestId begin(Request request) = 0;
  virtual void cancel(RequestId row) = 0;
  virtual void rewind(RequestId row, size_t tokens) = 0;  ///< Generator::rewind
  virtual void steer(RequestId row, std::vector<float> strengths, uint32_t attempt) = 0;
  virtual void pause(RequestId row, bool paused) = 0;
  virtual void step(const std::function<void(Completion)>& done) = 0;
  virtual EngineState state() const = 0;
  /// Returns the toxicity of each text; NaN where it is missing.
  virtual std::vector<double> score(std::span<const std::string> texts) = 0;
};

}  // namespace limpid::server
