#include "limpid/nn/pass.h"

namespace limpid::nn {

Pass::Pass(std::span<const Sequence> given, bool bidirectional) : sequences(given.begin(), given.end()) {
  offset.push_back(0);
  for (const Sequence& sequence : sequences) {
    const size_t start = sequence.cache->length(), count = sequence.tokens.size();
    sequence.cache->reserve(count);
    tokens.insert(tokens.end(), sequence.tokens.begin(), sequence.tokens.end());
    for (size_t i = 0; i < count; ++i) {
      positions.push_back(int32_t(start + i));
      attend_to.push_back(int32_t(bidirectional ? start + count - 1 : start + i));
    }
    offset.push_back(int64_t(tokens.size()));
  }
}

Pass Pass::dense(const Tensor& ids) {
  Pass pass;
  pass.dense_batch = ids.size(0);
  pass.dense_time = ids.size(1);
  pass.dense_ids = ids.reshape({-1}).contiguous();
  const int64_t* data = pass.dense_ids.data_ptr<int64_t>();
  pass.tokens.assign(data, data + pass.dense_ids.numel());
  for (int64_t i = 0; i < pass.dense_ids.numel(); ++i) pass.positions.push_back(int32_t(i % pass.dense_time));
  return pass;
}

void Pass::commit() {
  for (const Sequence& sequence : sequences) sequence.cache->advance(sequence.tokens.size());
}

}  // namespace limpid::nn
