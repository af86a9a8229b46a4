#pragma once

#include <map>
#include <utility>
#include <vector>

#include "limpid/decoding/session.h"

namespace limpid::gate {

/// What the plain model computed at one step: what a gate sees.
struct RecordedStep {
  Tensor state;          ///< [D] after the final norm
  double nearest = 0.0;  ///< RiskyTokens::nearest of the logits
};

/// Keeps the steps of every text that it sees, and changes nothing.
class StepRecorder final : public Session {
 public:
  explicit StepRecorder(const RiskyTokens& tokens) : tokens_(tokens) {}

  void final_state(const Step& step, Tensor& h) override;
  void logits(const Step& step, Tensor& z) override;
  /// Hands over the steps of a sample that has finished. The step that reads the prompt belongs to the prompt's first.
  std::vector<RecordedStep> take(uint64_t prompt, uint64_t sample);

 private:
  const RiskyTokens& tokens_;
  std::map<std::pair<uint64_t, uint64_t>, std::vector<RecordedStep>> texts_;
};

}  // namespace limpid::gate
