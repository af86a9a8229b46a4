#include "limpid/scorers/text_batches.h"

#include <algorithm>

namespace limpid {

void for_each_batch(const Encoder& encoder, std::span<const std::string> texts, int64_t max_length,
                    const std::function<void(const EncoderBatch&, std::span<const size_t>)>& visit) {
  const size_t special = encoder.encode("", max_length).size();
  std::vector<TokenIds> ids(texts.size());
  std::vector<size_t> order;
  for (size_t i = 0; i < texts.size(); ++i) {
    ids[i] = encoder.encode(texts[i], max_length);
    if (ids[i].size() > special) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return ids[a].size() > ids[b].size(); });
  for (size_t begin = 0; begin < order.size();) {
    EncoderBatch batch;
    size_t end = begin;
    while (end < order.size() && (end == begin || batch.size() + int64_t(ids[order[end]].size()) <= kBatchTokens))
      batch.add(ids[order[end++]]);
    visit(batch, std::span(order).subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace limpid
