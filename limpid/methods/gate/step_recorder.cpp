#include "limpid/methods/gate/step_recorder.h"

#include "limpid/decoding/logits.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::gate {
namespace {

std::pair<uint64_t, uint64_t> key_of(const Row& row) { return {row.request.prompt, row.request.sample}; }

}  // namespace

void StepRecorder::final_state(const Step& step, Tensor& h) {
  for (size_t r = 0; r < step.rows.size(); ++r) texts_[key_of(*step.rows[r])].push_back({h[int64_t(r)].clone()});
}

void StepRecorder::logits(const Step& step, Tensor& z) {
  const auto rows = rows_of(z);
  std::vector<RecordedStep*> recorded;
  for (const Row* row : step.rows) recorded.push_back(&texts_.at(key_of(*row)).back());
  kernels::parallel_for(rows.size(), [&](size_t r) { recorded[r]->nearest = tokens_.nearest(rows[r]); });
}

std::vector<RecordedStep> StepRecorder::take(uint64_t prompt, uint64_t sample) {
  auto text = texts_.extract({prompt, sample});
  return text ? std::move(text.mapped()) : std::vector<RecordedStep>();
}

}  // namespace limpid::gate
