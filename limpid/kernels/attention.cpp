#include <algorithm>
#include <vector>

#include "limpid/kernels/ops.h"
#include "limpid/kernels/ops_kernels.h"
#include "limpid/kernels/scratch.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

// Enough queries share a tile of keys that turning it round costs little; few enough that their scores stay in the
// cache.
constexpr size_t kPairsTogether = 32;
constexpr size_t kWorthSharing = 60'000;  // multiplications

/// Neighbouring tokens of one sequence, none of which sees less far than the one before it.
struct Span {
  size_t first, count;
};

}  // namespace

void attention(const AttentionShape& shape, const float* q, size_t q_stride, const PagedSequence* sequence_of_token,
               const int32_t* position_of_token, size_t tokens, float* out, size_t out_stride) {
  thread_local std::vector<Span> spans;
  const OpsKernels& kernels = ops_of(active_isa());
  const size_t per_kv = shape.heads / shape.kv_heads;
  // Many heads on one key head (multi-query) are taken in parts.
  const size_t parts = (per_kv + kPairsTogether - 1) / kPairsTogether, heads = (per_kv + parts - 1) / parts;
  const size_t most = std::max<size_t>(1, kPairsTogether / heads);

  spans.clear();
  size_t work = 0;
  for (size_t t = 0; t < tokens; ++t) {
    const PagedSequence& sequence = sequence_of_token[t];
    const bool joins = !spans.empty() && spans.back().count < most &&
                       sequence.key_pages == sequence_of_token[t - 1].key_pages &&
                       sequence.value_pages == sequence_of_token[t - 1].value_pages &&
                       position_of_token[t] >= position_of_token[t - 1];
    joins ? void(++spans.back().count) : spans.push_back({t, 1});
    const Visible visible(shape, t, position_of_token[t]);
    work += size_t(visible.end - visible.begin) * shape.heads * shape.head_dim * 2;
  }

  const std::vector<Span>& todo = spans;  // the tasks must see the caller's, not their thread's
  const auto task = [&](size_t index) {
    thread_local Scratch scratch;
    // The last tokens see the most keys: they come first, so that no thread is left with a long task at the end.
    const Span span = todo[todo.size() - 1 - index / (shape.kv_heads * parts)];
    const size_t kv_head = index % (shape.kv_heads * parts) / parts, part = index % parts;
    const size_t head = kv_head * per_kv + part * heads;
    if (head >= (kv_head + 1) * per_kv) return;
    const size_t count = std::min(heads, (kv_head + 1) * per_kv - head);
    const size_t last = span.first + span.count - 1;
    const int64_t begin = Visible(shape, span.first, position_of_token[span.first]).begin;
    const int64_t end = Visible(shape, last, position_of_token[last]).end;
    const size_t numbers = attention_scratch(shape, span.count * count, begin, end);
    float* memory = reinterpret_cast<float*>(scratch.at_least(numbers * sizeof(float)));
    kernels.attention({&shape, q + span.first * q_stride, q_stride, sequence_of_token[span.first],
                       position_of_token + span.first, span.first, span.count, kv_head, head, count,
                       out + span.first * out_stride, out_stride, memory});
  };
  const size_t tasks = spans.size() * shape.kv_heads * parts;
  if (work < kWorthSharing) {
    for (size_t i = 0; i < tasks; ++i) task(i);
  } else {
    parallel_for(tasks, task);
  }
}

}  // namespace limpid::kernels
